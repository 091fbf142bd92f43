using System.Runtime.CompilerServices;
using Dtt.Abstractions;
using Dtt.Client;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Tui.Data;

/// <summary>The platform over the wire. After a lost connection the next request connects again, and starts a silo when there is none.</summary>
internal sealed class SiloPlatform : IPlatform, IAsyncDisposable
{
    private const int ChartPoints = 600;
    private const int LogBytes = 16 << 10;
    private readonly SemaphoreSlim _connecting = new(1);
    private PlatformClient? _client;

    public async Task<RunRow[]> RunsAsync() => await (await PlatformGrainAsync()).RunsAsync(null);

    public async Task<DatasetProgress[]> DatasetsAsync() => await (await PlatformGrainAsync()).DatasetsAsync();

    public async Task<ShardRow[]> ShardsAsync(string dataset) => await (await GrainsAsync()).Dataset(dataset).ShardsAsync();

    public async Task<RunDetail?> RunAsync(string folder)
    {
        var grain = (await GrainsAsync()).Run(folder);
        if (await grain.FindAsync() is not { } view) return null;
        var log = view.Record.CurrentAttempt == 0 ? null : await grain.ReadLogAsync(view.Record.CurrentAttempt, 0, -LogBytes);
        return new RunDetail(
            view,
            await grain.SeriesAsync(MetricNames.TrainLoss, ChartPoints),
            await grain.SeriesAsync(MetricNames.ValLoss, ChartPoints),
            await grain.EventsAsync(),
            log?.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? []);
    }

    public async Task StopAsync(string folder) => await (await GrainsAsync()).Run(folder).StopAsync();

    public async Task ResumeAsync(string folder) =>
        await (await GrainsAsync()).Run(folder).ResumeAsync(RankEnvironment.OfThisProcess());

    public async IAsyncEnumerable<RankMessage> SampleAsync(
        string run, long step, SampleSettings settings, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var work = new SampleSpec { Settings = settings };
        var request = new JobRequest { Work = work, Run = run, Step = step, Environment = RankEnvironment.OfThisProcess() };
        await foreach (var message in (await GrainsAsync()).GetGrain<IJobGrain>(Guid.NewGuid()).RunAsync(request, cancellation)) yield return message;
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null) await _client.DisposeAsync();
        _connecting.Dispose();
    }

    private async Task<IPlatformGrain> PlatformGrainAsync() => (await GrainsAsync()).GetGrain<IPlatformGrain>(0);

    private async Task<IGrainFactory> GrainsAsync()
    {
        await _connecting.WaitAsync();
        try
        {
            if (_client is { Lost.IsCancellationRequested: true } gone)
            {
                _client = null;
                await gone.DisposeAsync();
            }

            return (_client ??= await PlatformClient.ConnectAsync(_ => { })).Grains;
        }
        finally
        {
            _connecting.Release();
        }
    }

    /// <summary>Whether an exception is a transient error: the platform does not answer just now.</summary>
    public static bool IsTransient(Exception e) =>
        e is OrleansException or TimeoutException or OperationCanceledException or UserErrorException or IOException or ObjectDisposedException;
}
