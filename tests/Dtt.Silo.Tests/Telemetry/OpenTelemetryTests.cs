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

    [Theory]
    [InlineData("collector:4317", "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT is 'collector:4317'")]
    [InlineData("http://collector:4317", "http/json", "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'; it may be grpc")]
    public void Silo_WithAWrongSetting_SaysSo(string endpoint, string protocol, string expected)
    {
        using var silo = new SiloProcess();
        var (code, _, error) = silo.Dtt(["runs"], ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol));
        Assert.NotEqual(0, code);
        Assert.Contains(expected, error);
    }
}
