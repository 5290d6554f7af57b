import Orders

/// What is wrong with the orders of a file, found without sending any.
struct ImportCheck {
    private(set) var sound = 0
    private(set) var flawed = 0

    /// Reads all of them; tells each flaw.
    static func run(
        _ path: String?, _ options: ImportReader.Options, onFlaw: (ImportRecord.Place, String) -> Void
    ) throws -> ImportCheck {
        let reader = try ImportReader(path, options)
        var check = ImportCheck()
        while let record = try reader.next() {
            if let flaw = record.flaw ?? Self.flaw(record.json) {
                check.flawed += 1
                onFlaw(record.place, flaw)
            } else {
                check.sound += 1
            }
        }
        return check
    }

    /// As `POST /orders` judges it.
    private static func flaw(_ json: [UInt8]) -> String? {
        do {
            _ = try json.withUnsafeBytes { bytes throws(OrderRequest.Refusal) in try OrderRequest(json: bytes) }
            return nil
        } catch let refusal as OrderRequest.Refusal {
            switch refusal {
            case .malformed(let error): return "\(error)"
            case .invalid(let violations): return violations.map(\.description).joined(separator: "; ")
            }
        } catch {
            return "\(error)"
        }
    }
}
