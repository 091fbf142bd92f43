using System.Diagnostics.Metrics;
using Dtt.Silo.Hosting;
using Microsoft.Extensions.Hosting;

namespace Dtt.Silo.Telemetry;

/// <summary>The metrics of this silo's node.</summary>
internal sealed class NodeMeter : IHostedService, IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string Name = "Dtt.Node";

    private readonly Meter _meter = new(Name);

    /// <summary>Makes the instruments.</summary>
    public NodeMeter(SiloLife life)
    {
        _ = _meter.CreateObservableGauge("dtt.node.devices", () => life.Report().Devices.Count, "{device}", "Devices of the node.");
        _ = _meter.CreateObservableGauge("dtt.node.work", () => life.Report().Work.Count, "{task}", "Attempts, pieces of datasets and jobs on the node.");
        _ = _meter.CreateObservableGauge("dtt.node.clients", () => life.Report().Clients, "{client}", "Connected commands and terminals.");
        _ = _meter.CreateObservableGauge("dtt.node.memory", () => life.Report().MemoryBytes, "By", "Memory of the silo, without its ranks.");
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();
}
