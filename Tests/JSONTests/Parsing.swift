import JSON

/// Both ways through a document: the tree, and passing over it. They must agree.
func parse(_ bytes: [UInt8], depthLimit: Int = 64) -> Result<JSONValue, JSONError> {
    let tree = outcome { try JSONValue(parsing: bytes, depthLimit: depthLimit) }
    let skipped = outcome {
        try bytes.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes, depthLimit: depthLimit)
            try reader.skipValue()
            try reader.end()
        }
    }
    switch (tree, skipped) {
    case (.success, .success): break
    case (.failure(let one), .failure(let other)) where one == other: break
    default: fatalError("read: \(tree), skipped: \(skipped), of \(String(decoding: bytes, as: UTF8.self))")
    }
    return tree
}

func parse(_ text: String, depthLimit: Int = 64) -> Result<JSONValue, JSONError> {
    parse(Array(text.utf8), depthLimit: depthLimit)
}

/// Runs a hand-written decoder over a document.
func read<Value>(_ text: String, depthLimit: Int = 16, _ body: (inout JSONReader) throws -> Value) throws -> Value {
    try Array(text.utf8).withUnsafeBytes { bytes in
        var reader = JSONReader(bytes, depthLimit: depthLimit)
        let value = try body(&reader)
        try reader.end()
        return value
    }
}

private func outcome<Value>(_ body: () throws -> Value) -> Result<Value, JSONError> {
    do {
        return .success(try body())
    } catch let error as JSONError {
        return .failure(error)
    } catch {
        fatalError("not a JSONError: \(error)")
    }
}

extension Result {
    var isSuccess: Bool { if case .success = self { true } else { false } }
    var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
    var value: Success? { try? get() }
}
