/// The version of this program, as `--version`, metrics and traces tell it.
package enum OrderflowVersion {
    package static let current = "0.1.0"
}
