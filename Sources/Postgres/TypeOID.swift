/// The object identifiers of built-in types, fixed for ever in PostgreSQL's `pg_type.dat`.
enum TypeOID {
    static let unspecified: UInt32 = 0
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let char: UInt32 = 18
    static let name: UInt32 = 19
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let text: UInt32 = 25
    static let oid: UInt32 = 26
    static let json: UInt32 = 114
    static let float4: UInt32 = 700
    static let float8: UInt32 = 701
    static let unknown: UInt32 = 705
    static let bpchar: UInt32 = 1042
    static let varchar: UInt32 = 1043
    static let timestamptz: UInt32 = 1184
    static let numeric: UInt32 = 1700
    static let uuid: UInt32 = 2950
    static let jsonb: UInt32 = 3802
    static let xid8: UInt32 = 5069
    static let void: UInt32 = 2278

    static let boolArray: UInt32 = 1000
    static let byteaArray: UInt32 = 1001
    static let nameArray: UInt32 = 1003
    static let int2Array: UInt32 = 1005
    static let int4Array: UInt32 = 1007
    static let textArray: UInt32 = 1009
    static let varcharArray: UInt32 = 1015
    static let int8Array: UInt32 = 1016
    static let float8Array: UInt32 = 1022
    static let jsonArray: UInt32 = 199
    static let timestamptzArray: UInt32 = 1185
    static let uuidArray: UInt32 = 2951
    static let jsonbArray: UInt32 = 3807
    static let numericArray: UInt32 = 1231
    static let xid8Array: UInt32 = 271

    static func isArray(_ oid: UInt32) -> Bool {
        switch oid {
        case boolArray, byteaArray, nameArray, int2Array, int4Array, textArray, varcharArray, int8Array, float8Array,
            jsonArray, timestamptzArray, uuidArray, jsonbArray, numericArray, xid8Array:
            true
        default: false
        }
    }

    private static let names: [UInt32: String] = [
        bool: "bool", bytea: "bytea", char: "\"char\"", name: "name", int8: "int8", int2: "int2", int4: "int4",
        text: "text", oid: "oid", json: "json", float4: "float4", float8: "float8", bpchar: "bpchar",
        varchar: "varchar", timestamptz: "timestamptz", numeric: "numeric", uuid: "uuid", jsonb: "jsonb",
        xid8: "xid8", boolArray: "bool[]", byteaArray: "bytea[]", nameArray: "name[]", int2Array: "int2[]",
        int4Array: "int4[]", textArray: "text[]", varcharArray: "varchar[]", int8Array: "int8[]",
        float8Array: "float8[]", jsonArray: "json[]", timestamptzArray: "timestamptz[]", uuidArray: "uuid[]",
        jsonbArray: "jsonb[]", 1082: "date", 1083: "time", 1114: "timestamp", 1186: "interval", 28: "xid",
        numericArray: "numeric[]", xid8Array: "xid8[]", void: "void", unknown: "unknown",
    ]

    static func name(_ oid: UInt32) -> String { names[oid] ?? "type \(oid)" }
}
