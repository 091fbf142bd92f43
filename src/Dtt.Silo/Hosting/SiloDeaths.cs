using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Hosting;

/// <summary>
/// Hears of silos that come and go; when one is dead, what is open is woken at once. Every silo does so: twice does no harm, and any may die next.
/// </summary>
internal sealed partial class SiloDeaths(ISiloStatusOracle silos, ILocalSiloDetails local, OpenWork open, ILogger<SiloDeaths> log)
    : ISiloStatusListener, ILifecycleParticipant<ISiloLifecycle>
{
    private readonly CancellationTokenSource _ending = new();

    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(
        nameof(SiloDeaths),
        ServiceLifecycleStage.Active,
        _ =>
        {
            silos.SubscribeToSiloStatusEvents(this);
            return Task.CompletedTask;
        },
        _ =>
        {
            silos.UnSubscribeFromSiloStatusEvents(this);
            return _ending.CancelAsync();
        });

    public void SiloStatusChangeNotification(SiloAddress updatedSilo, SiloStatus status)
    {
        if (updatedSilo.Equals(local.SiloAddress) || status is not (SiloStatus.Active or SiloStatus.Dead)) return;
        var node = silos.TryGetSiloName(updatedSilo, out var name) ? name : updatedSilo.ToString();
        if (status == SiloStatus.Active)
        {
            LogJoined(node, updatedSilo);
            return;
        }

        LogDead(node, updatedSilo);
        _ = Task.Run(() => open.WakeAsync(_ending.Token)); // the grains of the dead silo are found anew by the first calls that reach them
    }

    [LoggerMessage(3051, LogLevel.Information, "node {Node} has joined ({Silo})")]
    private partial void LogJoined(string node, SiloAddress silo);

    [LoggerMessage(3052, LogLevel.Warning, "node {Node} is gone ({Silo}); what it did goes on elsewhere")]
    private partial void LogDead(string node, SiloAddress silo);
}
