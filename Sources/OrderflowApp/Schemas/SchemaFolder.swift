import Foundation
import Schemas

/// Schemas in files: of one release where they lie in the folder itself, of several where each has a folder in it.
struct SchemaFolder {
    struct Release {
        /// As it is called in what is said: its folder.
        let name: String
        let files: [File]
    }

    struct File {
        let path: String
        let definition: SchemaDefinition
        /// With package or namespace: `orderflow.v1.OrderCreated`.
        let fullName: String
    }

    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// The oldest first: `1.9` before `1.10`.
    let releases: [Release]

    /// - Throws: `Problem` for a folder without schemas, and for a file that is none, which is named.
    init(_ path: String) throws(Problem) {
        let names = try Self.names(path)
        if names.contains(where: { Self.format(of: $0) != nil }) {
            releases = [try Self.release(path)]
            return
        }
        var releases: [Release] = []
        for name in names.sorted(by: { $0.compare($1, options: .numeric) == .orderedAscending }) {
            var isFolder: ObjCBool = false
            let folder = "\(path)/\(name)"
            guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
                continue
            }
            let release = try Self.release(folder)
            if !release.files.isEmpty { releases.append(release) }
        }
        guard !releases.isEmpty else {
            throw Problem(description: "\(path): there is no .proto or .avsc file in it, nor in a folder of it")
        }
        self.releases = releases
    }

    private static func names(_ path: String) throws(Problem) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw Problem(description: "\(path): can't be read: \(error.localizedDescription)")
        }
    }

    private static func release(_ folder: String) throws(Problem) -> Release {
        var files: [File] = []
        for name in try names(folder).sorted() {
            guard let format = format(of: name) else { continue }
            files.append(try file("\(folder)/\(name)", format))
        }
        return Release(name: folder, files: files)
    }

    private static func format(of name: String) -> SchemaFormat? {
        name.hasSuffix(".proto") ? .protobuf : name.hasSuffix(".avsc") ? .avro : nil
    }

    private static func file(_ path: String, _ format: SchemaFormat) throws(Problem) -> File {
        guard let data = FileManager.default.contents(atPath: path), let text = String(validating: data, as: UTF8.self)
        else { throw Problem(description: "\(path): can't be read") }
        let definition: SchemaDefinition
        do throws(SchemaSyntaxError) {
            definition = try SchemaDefinition(parsing: text, format)
        } catch {
            throw Problem(description: "\(path): \(error)")
        }
        guard let name = definition.fullName else { throw Problem(description: "\(path): declares no message") }
        return File(path: path, definition: definition, fullName: name)
    }
}

extension SchemaDefinition {
    /// Of the message that it is the schema of; nil where there is none.
    var fullName: String? {
        switch self {
        case .protobuf(let file): file.messages.first.map { file.path(of: $0) }
        case .avro(let document): if case .record(let record) = document.root { record.fullName } else { nil }
        }
    }
}
