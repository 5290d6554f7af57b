import Messaging

extension SettingFormat where Value == TopicFormats {
    static let topicFormats = SettingFormat(
        expected: "json, protobuf or avro, or topic=format by commas such as order-events=protobuf,order-commands=json",
        parse: { TopicFormats($0) }, write: \.text)
}
