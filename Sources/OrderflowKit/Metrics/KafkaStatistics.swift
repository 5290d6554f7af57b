import JSON

/// What operators ask of librdkafka's statistics (STATISTICS.md); the rest is passed over unread.
package struct KafkaStatistics: Hashable {
    package struct Broker: Hashable {
        package var name = ""
        /// -1 for a bootstrap address that no broker has claimed yet.
        package var nodeID: Int64 = -1
        package var state = ""
        package var requestsInFlight: Int64 = 0
        package var sendErrors: Int64 = 0
        package var receiveErrors: Int64 = 0
        package var retries: Int64 = 0
        package var timeouts: Int64 = 0
        package var disconnects: Int64 = 0
        /// Round trips of the last interval, microseconds.
        package var roundTrip = Window()
        /// What the broker's quotas made us wait, milliseconds.
        package var throttle = Window()
    }

    package struct Window: Hashable {
        package var average: Int64 = 0
        package var p99: Int64 = 0
    }

    package struct Partition: Hashable {
        package var topic: String
        package var partition: Int64 = -1
        /// Messages between the committed offset and the end; -1 when unknown.
        package var lag: Int64 = -1
        package var fetchState = ""

        /// Ours now: partitions that went elsewhere stay in the statistics with their last lag.
        package var isFetched: Bool { fetchState == "active" }
    }

    package private(set) var queuedMessages: Int64 = 0
    package private(set) var queuedBytes: Int64 = 0
    package private(set) var replyQueue: Int64 = 0
    package private(set) var sentMessages: Int64 = 0
    package private(set) var sentBytes: Int64 = 0
    package private(set) var receivedMessages: Int64 = 0
    package private(set) var receivedBytes: Int64 = 0
    package private(set) var rebalances: Int64 = 0
    package private(set) var brokers: [Broker] = []
    package private(set) var partitions: [Partition] = []

    /// Nil for anything that librdkafka wouldn't say.
    package init?(json: String) {
        var json = json
        do {
            try json.withUTF8 { utf8 in
                var reader = JSONReader(UnsafeRawBufferPointer(utf8))
                try read(&reader)
            }
        } catch {
            return nil
        }
    }

    private mutating func read(_ reader: inout JSONReader) throws {
        try reader.readObject { key, reader in
            if key == "msg_cnt" {
                queuedMessages = try reader.readInt64()
            } else if key == "msg_size" {
                queuedBytes = try reader.readInt64()
            } else if key == "replyq" {
                replyQueue = try reader.readInt64()
            } else if key == "txmsgs" {
                sentMessages = try reader.readInt64()
            } else if key == "txmsg_bytes" {
                sentBytes = try reader.readInt64()
            } else if key == "rxmsgs" {
                receivedMessages = try reader.readInt64()
            } else if key == "rxmsg_bytes" {
                receivedBytes = try reader.readInt64()
            } else if key == "brokers" {
                try reader.readObject { _, reader in brokers.append(try Broker(&reader)) }
            } else if key == "topics" {
                try reader.readObject { topic, reader in
                    let topic = topic.string
                    try reader.readObject { key, reader in
                        guard key == "partitions" else { return try reader.skipValue() }
                        try reader.readObject { _, reader in partitions.append(try Partition(topic, &reader)) }
                    }
                }
            } else if key == "cgrp" {
                try reader.readObject { key, reader in
                    if key == "rebalance_cnt" {
                        rebalances = try reader.readInt64()
                    } else {
                        try reader.skipValue()
                    }
                }
            } else {
                try reader.skipValue()
            }
        }
    }
}

extension KafkaStatistics.Broker {
    fileprivate init(_ reader: inout JSONReader) throws {
        self.init()
        try reader.readObject { key, reader in
            if key == "name" {
                name = try reader.readString()
            } else if key == "nodeid" {
                nodeID = try reader.readInt64()
            } else if key == "state" {
                state = try reader.readString()
            } else if key == "waitresp_cnt" {
                requestsInFlight = try reader.readInt64()
            } else if key == "txerrs" {
                sendErrors = try reader.readInt64()
            } else if key == "rxerrs" {
                receiveErrors = try reader.readInt64()
            } else if key == "txretries" {
                retries = try reader.readInt64()
            } else if key == "req_timeouts" {
                timeouts = try reader.readInt64()
            } else if key == "disconnects" {
                disconnects = try reader.readInt64()
            } else if key == "rtt" {
                roundTrip = try KafkaStatistics.Window(&reader)
            } else if key == "throttle" {
                throttle = try KafkaStatistics.Window(&reader)
            } else {
                try reader.skipValue()
            }
        }
    }
}

extension KafkaStatistics.Window {
    fileprivate init(_ reader: inout JSONReader) throws {
        self.init()
        try reader.readObject { key, reader in
            if key == "avg" {
                average = try reader.readInt64()
            } else if key == "p99" {
                p99 = try reader.readInt64()
            } else {
                try reader.skipValue()
            }
        }
    }
}

extension KafkaStatistics.Partition {
    fileprivate init(_ topic: String, _ reader: inout JSONReader) throws {
        self.init(topic: topic)
        var end: Int64 = -1
        var next: Int64 = -1
        try reader.readObject { key, reader in
            if key == "partition" {
                partition = try reader.readInt64()
            } else if key == "consumer_lag" {
                lag = try reader.readInt64()
            } else if key == "hi_offset" {
                end = try reader.readInt64()
            } else if key == "next_offset" {
                next = try reader.readInt64()
            } else if key == "fetch_state" {
                fetchState = try reader.readString()
            } else {
                try reader.skipValue()
            }
        }
        // Nothing committed since the start: librdkafka starts from an offset of ours, and what lies before its next
        // fetch is as good as done.
        if lag < 0, end >= 0, next >= 0 { lag = max(0, end - next) }
    }
}
