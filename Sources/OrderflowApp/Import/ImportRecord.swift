/// One order of a file on its way into a batch.
struct ImportRecord: Hashable, Sendable {
    /// `line 12` or `element 12`.
    let place: Place
    /// The order as it is sent. Of what can't be sent as it stands there is a stand-in that is no order, so that what
    /// follows keeps its place in the batch.
    let json: [UInt8]
    /// Why there is a stand-in.
    let flaw: String?
    /// What stood in the file, where that isn't `json`.
    let text: [UInt8]

    enum Unit: String, Sendable { case line, element }

    struct Place: Hashable, Sendable, CustomStringConvertible {
        let unit: Unit
        /// From 1.
        let number: Int
        var description: String { "\(unit.rawValue) \(number)" }
    }

    init(_ json: [UInt8], at place: Place) {
        self.place = place
        self.json = json
        flaw = nil
        text = []
    }

    /// Something that is no order.
    init(flaw: String, text: [UInt8] = [], at place: Place) {
        self.place = place
        json = Array("{}".utf8)
        self.flaw = flaw
        self.text = Array(text.prefix(Self.textLimit))
    }

    /// Bytes that are kept of a text that is no order.
    private static let textLimit = 2_000
}

/// Why an import can't go on, in words for the operator who started it.
struct ImportError: Error, Hashable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
