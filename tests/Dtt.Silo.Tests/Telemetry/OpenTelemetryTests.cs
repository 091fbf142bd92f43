using Dtt.Tests;

namespace Dtt.Silo.Tests.Telemetry;

public sealed class OpenTelemetryTests
{
    [Fact]
    public async Task Silo_WithAnEndpoint_SendsItsMetrics()
    {
        await using var collector = new LoopbackServer();
        using var silo = new SiloProcess();
        var (code, _, error) = silo.Dtt(["runs"], ("OTEL_EXPORTER_OTLP_ENDPOINT", $"http://127.0.0.1:{collector.Port}"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_METRIC_EXPORT_INTERVAL", "200"), ("DTT_NODE", "node-of-the-test"));
        Assert.True(code == 0, error);
        await Wait.ForAsync("the node's and Orleans' metrics", () => Sent("dtt.node.devices") && Sent("Microsoft.Orleans"));
        Assert.True(Sent("node-of-the-test"));
        Assert.All(collector.Requests, r => Assert.Equal("/v1/metrics", r.Path));

        bool Sent(string name) => collector.Requests.Any(r => r.Body.Contains(name, StringComparison.Ordinal));
    }
}
