extension SettingFormat where Value == [RoleAddress] {
    package static let roleAddresses = SettingFormat(
        expected: "role=URL such as payment=http://payment:3000, more of them separated by commas, or empty",
        parse: { text in
            var addresses: [RoleAddress] = []
            for part in text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false) {
                let sides = part.split(separator: "=", maxSplits: 1).map(String.init)
                let url = SettingFormat<String>.url("http", "https", example: "")
                guard sides.count == 2, !sides[0].isEmpty, let url = url.parse(sides[1]) else {
                    return nil
                }
                addresses.append(RoleAddress(role: sides[0], url: url))
            }
            return addresses
        }, write: { $0.map { "\($0.role)=\($0.url)" }.joined(separator: ",") }, secrecy: .partly)
}
