import Foundation
import JSON
import Messaging
import Orders
import Schemas
import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// `orderflow schemas export` and `check`: what a release has sent by, and what later ones may do.
@Suite struct SchemaCheckTests {
    /// A folder that goes with the test.
    private final class Folder {
        let path = NSTemporaryDirectory() + "/orderflow-schemas-\(UUID())"
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ name: String, _ text: String) throws {
            let file = URL(fileURLWithPath: "\(path)/\(name)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }

        func text(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
    }

    private struct Parcel: OrderFact, Codable {
        static let type = "Parcel"
        static let version = 2
        static let upcasters = [Upcaster(from: 1) { $0["weight"] = 0 }]
        let orderID: String
        let weight: Double
        @WireTime var at: Int64
    }

    private static let services = ServiceCatalogue([
        ServiceModule("parcels", port: 30, summary: "sends") { Publishes(Parcel.self, on: .orderEvents) }
    ])

    private func rules(
        _ folder: Folder, _ mode: CompatibilityMode = .backward, _ services: ServiceCatalogue = services
    ) throws -> [String] {
        SchemaCheck(services, mode).findings(against: try SchemaFolder(folder.path).releases).map {
            "\(URL(fileURLWithPath: $0.path).lastPathComponent) \($0.flaw.path) \($0.flaw.rule)"
        }
    }

    private func export(_ folder: Folder, _ name: String) throws {
        for file in SchemasDocument(Self.services).files(in: name) { try folder.write(file.path, file.text(over: nil)) }
    }

    @Test func whatIsExportedIsCompatibleWithItself() throws {
        let folder = Folder()
        try SchemasExportCommand.parse(["--to", folder.path]).execute()
        let exported = try SchemaFolder(folder.path).releases
        #expect(exported.flatMap(\.files).count == OrderflowApp.services.schemas.texts.count)
        for mode in CompatibilityMode.allCases {
            #expect(SchemaCheck(OrderflowApp.services, mode).findings(against: exported).isEmpty)
        }
        #expect(throws: (any Error).self) { try SchemasExportCommand.parse(["OrderCreate", "--to", "x"]).execute() }
    }

    /// Those of the last release are in the repository: whoever updates must be able to read what it has sent.
    @Test func theLastReleaseIsStillRead() throws {
        let releases = try SchemaFolder(DocumentsTests.root.path + "/schemas/released").releases
        let findings = SchemaCheck(OrderflowApp.services, .fullTransitive).findings(against: releases)
        #expect(findings.isEmpty, "\(findings.map(\.description).joined(separator: "\n"))")
    }

    @Test func aChangeThatReadersStumbleOverIsNamed() throws {
        let folder = Folder()
        try export(folder, "1.9")
        try export(folder, "1.10")
        #expect(
            try SchemaFolder(folder.path).releases.map { URL(fileURLWithPath: $0.name).lastPathComponent } == [
                "1.9", "1.10",
            ])
        #expect(try rules(folder).isEmpty)
        // The earlier release had a text, which only transitive modes look at.
        let proto = try folder.text("1.9/Parcel.proto")
        try folder.write("1.9/Parcel.proto", proto.replacing("double weight", with: "string weight"))
        let avro = try folder.text("1.9/Parcel.avsc")
        try folder.write("1.9/Parcel.avsc", avro.replacing(#""double""#, with: #""string""#))
        #expect(try rules(folder).isEmpty)
        #expect(
            try rules(folder, .backwardTransitive) == [
                "Parcel.avsc /weight type_mismatch", "Parcel.proto /Parcel/weight field_scalar_kind_changed",
            ])
        #expect(try rules(folder, .fullTransitive).count == 4)
        // A member that readers can't do without: Avro has no value for it, Protocol Buffers has its zero.
        try folder.write("1.10/Parcel.avsc", avro.replacing(#"{"name": "weight", "type": "double"},"#, with: ""))
        #expect(try rules(folder) == ["Parcel.avsc /weight reader_field_missing_default_value"])
        #expect(try rules(folder, .forward).isEmpty && rules(folder, .none).isEmpty)
    }

    @Test func whatIsGoneIsNamedButForVersionsThatAreBroughtUp() throws {
        let folder = Folder()
        let file = "syntax = \"proto3\"; package orderflow.v1;"
        try folder.write("Parcel.proto", "\(file) message Parcel {}")
        #expect(try rules(folder).isEmpty)
        #expect(try rules(folder, .full) == ["Parcel.proto  version_changed"])
        try folder.write("Parcel.proto", "\(file.replacing(".v1", with: ".v0")) message Parcel {}")
        #expect(try rules(folder) == ["Parcel.proto  version_without_upcaster"])
        try folder.write("Parcel.proto", "\(file) message Package {}")
        #expect(try rules(folder) == ["Parcel.proto  message_removed"])
        try folder.write("Parcel.proto", "syntax = \"proto3\"; package shop; message Parcel {}")
        #expect(try rules(folder) == ["Parcel.proto  message_renamed"])
    }

    @Test func whatIsNoSchemaIsNamed() throws {
        let folder = Folder()
        for (text, words) in [("message", "line 1: expected a name"), ("syntax = \"proto3\";", "declares no message")] {
            try folder.write("Broken.proto", text)
            #expect("\(words)") { _ = try SchemaFolder(folder.path) } throws: {
                "\($0)".contains("Broken.proto: ") && "\($0)".contains(words)
            }
        }
        let empty = Folder()
        try empty.write("README", "")
        #expect(throws: SchemaFolder.Problem.self) { try SchemaFolder(empty.path) }
        #expect(throws: SchemaFolder.Problem.self) { try SchemaFolder(empty.path + "/nowhere") }
    }

    @Test func generatedFilesOfWhatIsGoneAreStale() throws {
        let folder = Folder()
        try export(folder, "schemas")
        try export(folder, "schemas/released/1.0")
        try folder.write("schemas/Theirs.proto", "syntax = \"proto3\"; message Theirs {}")
        let none = ServiceCatalogue([])
        let document = ProgramDocument(
            name: "schemas", summary: "", files: SchemasDocument(none).files(in: "schemas"), folder: "schemas")
        let stale = try DocumentFolder(path: folder.path).differences(of: [document])
        #expect(stale.map(\.path) == ["schemas/Parcel.avsc", "schemas/Parcel.proto"])
        #expect(stale.allSatisfy { $0.change == .stale })
    }
}
