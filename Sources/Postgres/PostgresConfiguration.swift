import CLibpq

/// Where to connect and which time limits hold. Made from a `postgresql://` URL or a `key=value` conninfo string;
/// what they leave out comes from libpq's environment variables and defaults. Never prints the password.
public struct PostgresConfiguration: Sendable {
    /// libpq keywords with their values, without those that have a property here.
    private(set) var options: [String: String]

    /// Shown in `pg_stat_activity`.
    public var applicationName = "orderflow"
    /// For one host, from the first packet to the session being ready. Name resolution can't be interrupted and
    /// comes on top.
    public var connectTimeout = Duration.seconds(5)
    /// The server cancels a statement after this (`statement_timeout`).
    public var statementTimeout = Duration.seconds(30)
    /// The server gives up waiting for one lock after this (`lock_timeout`).
    public var lockTimeout = Duration.seconds(10)
    /// The server ends a session that leaves a transaction open and silent for this long.
    public var idleInTransactionTimeout = Duration.seconds(60)
    /// How long after `statementTimeout` the client stops waiting for a server or network that went silent, and
    /// drops the connection. Every wait is bounded by the sum.
    public var responseGrace = Duration.seconds(5)
    /// First TCP keepalive probe after this much silence; three unanswered ones, 5 s apart, end the connection.
    public var keepaliveIdle = Duration.seconds(15)
    /// Sent data without acknowledgement for this long ends the connection (RFC 5482; Linux).
    public var tcpUserTimeout = Duration.seconds(20)
    /// How prepared statements are planned (`plan_cache_mode`).
    public var plans = Plans.automatic
    /// Whether the planner may walk through whole tables where an index would do (`enable_seqscan`). Not for queues: they
    /// are small whenever statistics are made of them, and whatever the planner thinks of them is wrong soon.
    public var walksTables = true
    /// The server's setting, such as `shop.tenant`, by which row policies know whose rows a session may see. A session of
    /// a configuration that names one runs no statement outside `Connection.acting(for:)`.
    public var tenantVariable: String?
    /// The role that a session takes on as soon as it is opened, as by `SET ROLE`; nil stays with the user's. A plain
    /// name that needs no quotes.
    public var assumedRole: String?
    /// For a session that follows the log: how long the server waits for a sign of life from it (`wal_sender_timeout`).
    var replication: Duration?
    /// Prepared statements kept per connection; the least recently used one goes first.
    public var statementCacheLimit = 256

    public enum Plans: String, Sendable {
        /// Anew for each use while that looks cheaper than one plan for all: for optional filters.
        case automatic = "auto"
        /// Once: for statements by key. An array of one or two keys otherwise looks cheaper than one of unknown length,
        /// and is planned again at every use, which takes several times as long as to run it.
        case generic = "force_generic_plan"
    }

    /// The same with `plans`.
    public func planning(_ plans: Plans) -> PostgresConfiguration {
        var copy = self
        copy.plans = plans
        return copy
    }

    public init(_ text: String) throws(PostgresError) {
        var complaint: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(text, &complaint) else {
            let reason = complaint.map { String(cString: $0) } ?? "out of memory"
            PQfreemem(complaint)
            throw PostgresError(.configuration, "database URL: \(Self.withoutSecrets(reason))")
        }
        defer { PQconninfoFree(parsed) }
        options = [:]
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        try checkSplit(isURL: text.hasPrefix("postgres://") || text.hasPrefix("postgresql://"))
        if let name = options.removeValue(forKey: "application_name") { applicationName = name }
        if let seconds = options.removeValue(forKey: "connect_timeout") {
            guard let seconds = Int(seconds), seconds > 0 else {
                throw PostgresError(
                    .configuration, "database URL: connect_timeout must be a whole number of seconds over 0")
            }
            connectTimeout = .seconds(seconds)
        }
        if let encoding = options.removeValue(forKey: "client_encoding"), encoding.lowercased() != "utf8",
            encoding != "auto"
        {
            throw PostgresError(.configuration, "database URL: client_encoding must be UTF8, not \(encoding)")
        }
    }

    /// A secret with an unescaped `/`, `@` or `:` splits the URL in the wrong places; libpq would connect to a
    /// part of the password and print it.
    private func checkSplit(isURL: Bool) throws(PostgresError) {
        for port in (options["port"] ?? "").split(separator: ",", omittingEmptySubsequences: true) {
            guard let number = Int(port), (1...65_535).contains(number) else {
                throw PostgresError(
                    .configuration,
                    "database URL: the port isn't a number from 1 to 65535\(isURL ? " (percent-encode / : @ in a password)" : "")"
                )
            }
        }
        if isURL, options["dbname"]?.contains("@") == true || options["host"]?.contains("@") == true {
            throw PostgresError(
                .configuration, "database URL: an @ in the host or database name (percent-encode / : @ in a password)")
        }
    }

    /// libpq quotes the piece it stumbled over, which can be a piece of the password.
    private static func withoutSecrets(_ reason: String) -> String {
        let line = reason.split(separator: "\n").first.map(String.init) ?? reason
        guard let quote = line.firstIndex(of: "\"") else { return line }
        return line[..<quote].trimmingSuffix(" :")
    }

    /// The same server with another database and role; nil keeps what is there.
    public func with(database: String? = nil, user: String? = nil, password: String? = nil) -> PostgresConfiguration {
        var copy = self
        if let database { copy.options["dbname"] = database }
        if let user { copy.options["user"] = user }
        if let password { copy.options["password"] = password }
        return copy
    }

    public var host: String? { options["host"] ?? options["hostaddr"] }
    public var port: String? { options["port"] }
    public var database: String? { options["dbname"] }
    public var user: String? { options["user"] }

    func validate() throws(PostgresError) {
        let limits: [(String, Duration)] = [
            ("connectTimeout", connectTimeout), ("statementTimeout", statementTimeout), ("lockTimeout", lockTimeout),
            ("idleInTransactionTimeout", idleInTransactionTimeout), ("responseGrace", responseGrace),
            ("keepaliveIdle", keepaliveIdle), ("tcpUserTimeout", tcpUserTimeout),
        ]
        // Zero means "for ever" to the server, and more than an Int32 of milliseconds is refused by it.
        for (name, value) in limits where value < .milliseconds(1) || value > .seconds(2_000_000) {
            throw PostgresError(.configuration, "\(name) must be from 1 ms to 2000000 s, not \(value)")
        }
        guard statementCacheLimit > 0 else { throw PostgresError(.configuration, "statementCacheLimit must be over 0") }
    }

    /// What a session is opened with.
    var sessionSettings: [(name: String, value: String)] {
        [
            ("statement_timeout", "\(statementTimeout.wholeMilliseconds)"),
            ("lock_timeout", "\(lockTimeout.wholeMilliseconds)"),
            ("idle_in_transaction_session_timeout", "\(idleInTransactionTimeout.wholeMilliseconds)"),
            // The server too notices within half a minute when our host is gone, and lets go of our locks.
            ("tcp_keepalives_idle", "15"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3"),
            ("tcp_user_timeout", "20000"), ("plan_cache_mode", plans.rawValue),
            // To compile a statement takes longer than any of ours runs. The planner, which can't tell how many elements an
            // array or a JSON document has, has it done for lookups of a few hundred keys.
            ("jit", "off"), ("enable_seqscan", walksTables ? "on" : "off"),
        ] + (assumedRole.map { [("role", $0)] } ?? [])
            + (replication.map { [("wal_sender_timeout", "\($0.wholeMilliseconds)")] } ?? [])
    }

    /// Sessions are for a server that takes writes; one that doesn't is left for another of the hosts.
    var needsWrites: Bool { ["read-write", "primary"].contains(options["target_session_attrs"]) }

    /// One set of libpq keywords per host, tried in order: libpq's non-blocking connect has one clock for all its
    /// hosts, so a dead first one would use up the time of the second.
    func attempts() throws(PostgresError) -> [[(String, String)]] {
        func list(_ key: String) -> [String] {
            options[key].map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) } ?? []
        }
        let hosts = list("host")
        let addresses = list("hostaddr")
        let ports = list("port")
        let count = max(hosts.count, addresses.count, 1)
        guard ports.count <= 1 || ports.count == count,
            hosts.isEmpty || addresses.isEmpty || hosts.count == addresses.count
        else { throw PostgresError(.configuration, "database URL: \(count) hosts but \(ports.count) ports") }

        var common = options
        for key in ["host", "hostaddr", "port"] { common[key] = nil }
        common["application_name"] = applicationName
        common["client_encoding"] = "UTF8"
        // The one named in dbname, instead of the log as a whole.
        if replication != nil { common["replication"] = "database" }
        common["keepalives"] = "1"
        common["keepalives_idle"] = String(max(1, keepaliveIdle.components.seconds))
        common["keepalives_interval"] = "5"
        common["keepalives_count"] = "3"
        common["tcp_user_timeout"] = String(tcpUserTimeout.wholeMilliseconds)
        // Ours come last and win: the client's time limits are derived from them.
        common["options"] =
            ((options["options"].map { [$0] } ?? []) + sessionSettings.map { "-c \($0.name)=\($0.value)" })
            .joined(separator: " ")
        let shared = common.map { ($0.key, $0.value) }
        return (0..<count).map { index in
            var own = shared
            if index < hosts.count { own.append(("host", hosts[index])) }
            if index < addresses.count { own.append(("hostaddr", addresses[index])) }
            if let port = ports.count == 1 ? ports[0] : (index < ports.count ? ports[index] : nil) {
                own.append(("port", port))
            }
            return own
        }
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        let address = (host ?? "default host") + (port.map { ":" + $0 } ?? "")
        return "postgresql \(user ?? "default user")@\(address)/\(database ?? "default database")"
    }

    public var debugDescription: String { description }

    /// For `dump` and string interpolation of structs that contain one.
    public var customMirror: Mirror { Mirror(self, children: ["target": description]) }
}

extension Duration {
    /// Rounded up, so that a positive duration never becomes 0 (no limit); the bound where an `Int64` holds no more.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        let (sum, carry) = whole.addingReportingOverflow(
            (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }
}

extension Substring {
    fileprivate func trimmingSuffix(_ characters: String) -> String {
        var text = self
        while let last = text.last, characters.contains(last) { text.removeLast() }
        return String(text)
    }
}
