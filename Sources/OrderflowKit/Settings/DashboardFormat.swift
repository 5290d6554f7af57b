extension SettingFormat where Value == [RoleAddress] {
    package static let roleAddresses = list(
        expecting: "role=URL such as payment=http://payment:3000", repeated: .refused("URL", by: \.url),
        secrecy: .partly, write: { "\($0.role)=\($0.url)" }
    ) { text in
        let sides = text.split(separator: "=", maxSplits: 1).map(String.init)
        let url = SettingFormat<String>.url("http", "https", example: "")
        guard sides.count == 2, !sides[0].isEmpty, let url = url.parse(sides[1]) else { return nil }
        return RoleAddress(role: sides[0], url: url)
    }
}
