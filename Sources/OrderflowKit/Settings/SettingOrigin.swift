/// Where a value came from.
package enum SettingOrigin: Sendable, Hashable, CustomStringConvertible {
    case builtIn
    case file(path: String, line: Int)
    case environment(name: String)
    /// The option as typed, without its value.
    case flag(String)
    /// Left out; another setting decides.
    case derived(from: String)

    package var description: String {
        switch self {
        case .builtIn: "default"
        case .file(let path, let line): "\(path):\(line)"
        case .environment(let name): "environment \(name)"
        case .flag(let option): "flag \(option)"
        case .derived(let key): "derived from \(key)"
        }
    }
}
