/// The collector of OpenTelemetry in each pod: spans leave the daemon for the next address, and wait there for a backend
/// that is slow or away.
enum CollectorManifest {
    static let port = 4318
    static let name = "orderflow-collector"
    private static let image = "otel/opentelemetry-collector:0.136.0"
    /// MiB; the collector refuses spans before it comes near.
    private static let memory = 128

    static var text: String {
        """
        # The configuration of the collector beside each role. export-endpoint is where it sends spans: change it by an
        # overlay.
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: \(name)
          labels: {app.kubernetes.io/name: orderflow}
        data:
          export-endpoint: http://otel-gateway:4318
          config.yaml: |
        \(YAMLText.indented(configuration, by: 4))
        """
    }

    /// A container that starts before the role and ends after it (`restartPolicy` among the init containers), so that
    /// the last spans have somewhere to go.
    static var sidecar: String {
        """
        - name: collector
          image: \(image)
          restartPolicy: Always
          args: [--config=/etc/otelcol/config.yaml]
          env:
            - name: EXPORT_ENDPOINT
              valueFrom: {configMapKeyRef: {name: \(name), key: export-endpoint}}
            - name: POD_NAME
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
            - name: POD_NAMESPACE
              valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
          resources:
            requests: {cpu: 20m, memory: 64Mi}
            limits: {memory: \(memory)Mi}
        \(YAMLText.indented(KubernetesDocument.containerSecurity, by: 2))\
          volumeMounts:
            - {name: collector, mountPath: /etc/otelcol, readOnly: true}

        """
    }

    static var volume: String {
        """
        - name: collector
          configMap:
            name: \(name)
            items: [{key: config.yaml, path: config.yaml}]

        """
    }

    private static var configuration: String {
        """
        receivers:
          otlp:
            protocols:
              http: {endpoint: "127.0.0.1:\(port)"}
        processors:
          memory_limiter: {check_interval: 1s, limit_mib: \(memory * 3 / 4), spike_limit_mib: \(memory / 5)}
          resource:
            attributes:
              - {key: k8s.pod.name, value: "${env:POD_NAME}", action: upsert}
              - {key: k8s.namespace.name, value: "${env:POD_NAMESPACE}", action: upsert}
          batch: {timeout: 1s}
        exporters:
          otlphttp:
            endpoint: ${env:EXPORT_ENDPOINT}
            sending_queue: {queue_size: 200}
            retry_on_failure: {max_elapsed_time: 300s}
        service:
          # Its own metrics would be one more port to scrape; its log says what it loses.
          telemetry: {metrics: {level: none}}
          pipelines:
            traces: {receivers: [otlp], processors: [memory_limiter, resource, batch], exporters: [otlphttp]}

        """
    }
}
