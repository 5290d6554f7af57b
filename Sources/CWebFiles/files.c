#include "CWebFiles.h"
#include <string.h>

// #embed is C23; clang has it in every mode since 19, the one in Swift 6.2, and tracks the files as dependencies.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char app_css[] = {
#embed "files/app.css"
};
static const unsigned char app_js[] = {
#embed "files/app.js"
};
static const unsigned char charts_js[] = {
#embed "files/charts.js"
};
static const unsigned char dom_js[] = {
#embed "files/dom.js"
};
static const unsigned char graphql_css[] = {
#embed "files/graphql.css"
};
static const unsigned char graphql_html[] = {
#embed "files/graphql.html"
};
static const unsigned char graphql_js[] = {
#embed "files/graphql.js"
};
static const unsigned char icon_svg[] = {
#embed "files/icon.svg"
};
static const unsigned char index_html[] = {
#embed "files/index.html"
};
static const unsigned char openapi_json[] = {
#embed "files/openapi.json"
};
static const unsigned char order_js[] = {
#embed "files/order.js"
};
static const unsigned char orders_js[] = {
#embed "files/orders.js"
};
static const unsigned char overview_js[] = {
#embed "files/overview.js"
};
static const unsigned char signin_js[] = {
#embed "files/signin.js"
};
static const unsigned char stream_js[] = {
#embed "files/stream.js"
};

#define FILE_ENTRY(name, bytes) {name, {bytes, sizeof bytes}}

static const struct {
    const char *name;
    struct orderflow_web_file file;
} files[] = {
    FILE_ENTRY("app.css", app_css),
    FILE_ENTRY("app.js", app_js),
    FILE_ENTRY("charts.js", charts_js),
    FILE_ENTRY("dom.js", dom_js),
    FILE_ENTRY("graphql.css", graphql_css),
    FILE_ENTRY("graphql.html", graphql_html),
    FILE_ENTRY("graphql.js", graphql_js),
    FILE_ENTRY("icon.svg", icon_svg),
    FILE_ENTRY("index.html", index_html),
    FILE_ENTRY("openapi.json", openapi_json),
    FILE_ENTRY("order.js", order_js),
    FILE_ENTRY("orders.js", orders_js),
    FILE_ENTRY("overview.js", overview_js),
    FILE_ENTRY("signin.js", signin_js),
    FILE_ENTRY("stream.js", stream_js),
};

struct orderflow_web_file orderflow_web_file(const char *name) {
    for (size_t index = 0; index < sizeof files / sizeof *files; index++)
        if (strcmp(files[index].name, name) == 0) return files[index].file;
    return (struct orderflow_web_file){NULL, 0};
}
