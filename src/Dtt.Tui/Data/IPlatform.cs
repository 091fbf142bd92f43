using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Tui.Data;

/// <summary>What the pages ask of the platform: the silo over the wire, or a made-up one in tests.</summary>
internal interface IPlatform
{
    Task<RunRow[]> RunsAsync();

    Task<DatasetProgress[]> DatasetsAsync();

    Task<ShardRow[]> ShardsAsync(string dataset);

    Task<RunDetail?> RunAsync(string folder);

    Task StopAsync(string folder);

    Task ResumeAsync(string folder);

    IAsyncEnumerable<RankMessage> SampleAsync(string run, long step, SampleSettings settings, CancellationToken cancellation);
}

/// <summary>What a run's page shows.</summary>
/// <param name="View">The run.</param>
/// <param name="Train">Training loss by step, thinned.</param>
/// <param name="Val">Validation loss by step.</param>
/// <param name="Events">Its events, oldest first.</param>
/// <param name="Log">The last lines of its log.</param>
internal sealed record RunDetail(
    RunView View,
    IReadOnlyList<(long Step, double Value)> Train,
    IReadOnlyList<(long Step, double Value)> Val,
    IReadOnlyList<RunEvent> Events,
    IReadOnlyList<string> Log);
