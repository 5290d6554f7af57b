import Foundation
import OrderflowKit

/// The folder that documents are kept in, such as a clone of the repository.
struct DocumentFolder {
    let path: String

    /// What becomes of one file.
    enum Change: Equatable {
        case new, changed, stale
    }

    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// The files that aren't what the services make necessary, in order. None is touched.
    func differences(of documents: [ProgramDocument]) throws -> [(path: String, change: Change)] {
        try documents.flatMap { document in
            try document.files.compactMap { file -> (String, Change)? in
                let existing = try existing(file.path)
                guard try file.text(over: existing) != existing else { return nil }
                return (file.path, existing == nil ? .new : .changed)
            } + stale(document).map { ($0, .stale) }
        }
    }

    /// Writes those that differ and removes what is stale.
    ///
    /// - Returns: them.
    func write(_ documents: [ProgramDocument]) throws -> [(path: String, change: Change)] {
        let differences = try differences(of: documents)
        let texts = try documents.flatMap(\.files).map { ($0.path, try text(of: $0)) }
        for (path, change) in differences {
            do {
                if change == .stale {
                    try FileManager.default.removeItem(atPath: self.path(path))
                    continue
                }
                guard let text = texts.first(where: { $0.0 == path })?.1 else { continue }
                let folder = URL(fileURLWithPath: self.path(path)).deletingLastPathComponent().path
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try Data(text.utf8).write(to: URL(fileURLWithPath: self.path(path)), options: .atomic)
            } catch {
                throw Problem(description: "\(path): can't be written: \(error.localizedDescription)")
            }
        }
        return differences
    }

    func text(of file: ProgramDocument.File) throws -> String { try file.text(over: existing(file.path)) }

    private func path(_ relative: String) -> String { path.hasSuffix("/") ? path + relative : "\(path)/\(relative)" }

    private func existing(_ relative: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: path(relative)) else { return nil }
        guard let data = FileManager.default.contents(atPath: path(relative)) else {
            throw Problem(description: "\(relative): can't be read")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw Problem(description: "\(relative): isn't UTF-8")
        }
        return text
    }

    /// Generated files of a service that is gone. What was written by hand beside them isn't ours.
    private func stale(_ document: ProgramDocument) throws -> [String] {
        guard let folder = document.folder, let names = FileManager.default.enumerator(atPath: path(folder)) else {
            return []
        }
        let current = Set(document.files.map(\.path))
        return try names.compactMap { $0 as? String }.filter(Self.isDocument).map { "\(folder)/\($0)" }
            .filter { !current.contains($0) }
            .filter { try existing($0).map { Self.isGenerated($0, document) } == true }.sorted()
    }

    /// By its name under the document's folder. What releases sent by stays.
    private static func isDocument(_ name: String) -> Bool {
        [".yaml", ".proto", ".avsc"].contains(where: name.hasSuffix) && !name.hasPrefix(SchemasDocument.released + "/")
    }

    private static func isGenerated(_ text: String, _ document: ProgramDocument) -> Bool {
        text.hasPrefix(ProgramDocument.notice(document.name)) || SchemasDocument.isGenerated(text)
    }
}
