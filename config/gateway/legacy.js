// Requests of older systems in orderflow's words, and its answers in theirs (legacy.conf). An Idempotency-Key, a token and a
// correlation id go along; what orderflow refuses is answered as it says.

// The oldest path knows no customers and no prices.
const unknownCustomer = 'guest';

// Of orderflow's answer; the others are the gateway's.
const passedHeaders = ['Content-Type', 'ETag', 'Idempotency-Replayed', 'RateLimit', 'RateLimit-Policy', 'Retry-After',
    'WWW-Authenticate'];

// {"product","quantity"} is an order of one line.
async function order(r) {
    await command(r, '/orders', old => ({
        userId: old.user_id === undefined ? unknownCustomer : old.user_id,
        items: [{sku: old.product, qty: old.quantity}],
        total: old.total === undefined ? 0 : old.total,
    }), reply => ({
        status: 'created', order_id: reply.order.orderId, product: reply.order.items[0].sku,
        quantity: reply.order.items[0].qty,
    }));
}

// {"user_id","items":[{"product_id","quantity"}],"total"} with "currency", "email", "shipping_address".
async function orders(r) {
    await command(r, '/orders', old => ({
        userId: old.user_id,
        items: Array.isArray(old.items)
            ? old.items.map(line => ({sku: line.product_id, qty: line.quantity})) : old.items,
        total: old.total, currency: old.currency, email: old.email, shippingAddress: old.shipping_address,
    }), reply => orderAnswer(reply.order));
}

// {"name","email"} with "user_id".
async function users(r) {
    await command(r, '/users', old => ({userId: old.user_id, name: old.name, email: old.email}),
        reply => ({user_id: reply.user.userId, name: reply.user.name, email: reply.user.email}));
}

// {"user_id","shipping_address"}.
async function accounts(r) {
    await command(r, '/accounts', old => ({userId: old.user_id, address: old.shipping_address}),
        reply => ({
            account_id: reply.account.accountId, user_id: reply.account.userId,
            shipping_address: addressText(reply.account.address),
        }));
}

// ?user_id=&month=&year=, all pages in one.
async function invoices(r) {
    if (r.method !== 'GET') return refuse(r, 405, 'Method Not Allowed', 'GET');
    const asked = ['user_id', 'month', 'year'].filter(name => typeof r.args[name] === 'string');
    const args = asked.map(name => `${name}=${encodeURIComponent(r.args[name])}`).join('&');
    let invoice, cursor;
    const found = [];
    do {
        const reply = await r.subrequest('/invoices', {
            method: 'GET', args: cursor ? `${args}&cursor=${encodeURIComponent(cursor)}` : args,
        });
        if (reply.status !== 200) return pass(r, reply, reply.responseText);
        const page = JSON.parse(reply.responseText);
        invoice = invoice || page;
        page.orders.forEach(one => found.push(orderAnswer(one)));
        cursor = page.nextCursor;
    } while (cursor);
    const month = String(invoice.month).padStart(2, '0');
    r.headersOut['Content-Type'] = 'application/json';
    r.headersOut['Cache-Control'] = 'no-cache';
    r.return(200, JSON.stringify({
        invoice_id: `${invoice.userId}-${invoice.year}-${month}`, user_id: invoice.userId, email: invoice.email,
        shipping_address: invoice.shippingAddress, invoice_dt: `${invoice.year}-${month}-01`, orders: found,
        total: invoice.total,
    }));
}

function orderAnswer(order) {
    return {
        order_id: order.orderId, user_id: order.userId, created_at: order.createdAt, total: order.total,
        currency: order.currency, shipping_address: order.shippingAddress,
        items: order.items.map(line => ({product_id: line.sku, quantity: line.qty})),
    };
}

function addressText(address) {
    return [address.street, address.city, address.region, address.postalCode, address.country]
        .filter(part => part).join(', ');
}

// Says the body in orderflow's words, has it done at `path`, and answers in the older ones.
async function command(r, path, ours, theirs) {
    if (r.method !== 'POST') return refuse(r, 405, 'Method Not Allowed', 'POST');
    let body;
    try {
        const old = JSON.parse(r.requestText);
        if (old === null || typeof old !== 'object' || Array.isArray(old)) throw new Error('not an object');
        body = ours(old);
    } catch (error) {
        return refuse(r, 400, 'Malformed request');
    }
    const reply = await r.subrequest(path, {method: 'POST', body: JSON.stringify(body)});
    pass(r, reply, reply.status === 201 ? JSON.stringify(theirs(JSON.parse(reply.responseText))) : reply.responseText);
}

function pass(r, reply, text) {
    passedHeaders.forEach(name => {
        if (reply.headersOut[name] !== undefined) r.headersOut[name] = reply.headersOut[name];
    });
    r.return(reply.status, text);
}

function refuse(r, status, title, allow) {
    if (allow) r.headersOut.Allow = allow;
    r.headersOut['Content-Type'] = 'application/problem+json';
    r.return(status, JSON.stringify({type: 'about:blank', title: title, status: status}));
}

// Whatever an answer is that a function can't read, its client gets one.
function guarded(handler) {
    return r => handler(r).catch(error => {
        r.error(`${r.uri}: ${error}`);
        refuse(r, 502, 'Bad Gateway');
    });
}

export default {
    order: guarded(order), orders: guarded(orders), users: guarded(users), accounts: guarded(accounts),
    invoices: guarded(invoices),
};
