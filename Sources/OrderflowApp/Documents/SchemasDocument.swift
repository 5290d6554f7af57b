import OrderflowKit
import Schemas

/// The schemas of facts and commands in the languages of Protocol Buffers and Avro: a file a message and a format, so
/// that a program takes those which it reads.
struct SchemasDocument {
    static let folder = "schemas"
    /// Below it lie those of releases, which stay what they are: what `orderflow schemas check` is for.
    static let released = "released"

    private let texts: [SchemaText]

    init(_ services: ServiceCatalogue) { texts = services.schemas.texts }

    /// - Parameter types: of messages; nil for all.
    func files(in folder: String, of types: Set<String>? = nil) -> [ProgramDocument.File] {
        texts.filter { types?.contains($0.reference.type) ?? true }.map { text in
            ProgramDocument.File(
                path: "\(folder)/\(Self.fileName(text.reference))", content: .whole(Self.content(text)))
        }
    }

    static func fileName(_ reference: SchemaReference) -> String {
        switch reference.format {
        case .protobuf: "\(reference.type).proto"
        case .avro: "\(reference.type).avsc"
        }
    }

    /// Whether a text is one of these, and not written by hand.
    static func isGenerated(_ text: String) -> Bool {
        text.hasPrefix(notice) || text.hasPrefix("{") && text.contains("\"namespace\": \"orderflow.avro.v")
    }

    private static func content(_ text: SchemaText) -> String {
        switch text.definition {
        case .protobuf(let file): notice + file.text
        // JSON has no place for a notice.
        case .avro(let document): document.prettyText
        }
    }

    private static let notice =
        "// Written by `orderflow docs schemas`, from the services' facts and commands: change those.\n"
}
