using System.Diagnostics;
using Dtt.Core.Configuration;
using Dtt.Training.Checkpoints;

namespace Dtt.Training.Benchmarks;

/// <summary>
/// Steps with a checkpoint being written beside them, and steps without; files go to a folder of their own under <paramref name="place"/>, which is deleted
/// with this.
/// </summary>
/// <param name="bench">The steps.</param>
/// <param name="model">The model.</param>
/// <param name="place">Where checkpoints are written: a folder on the disk that is meant.</param>
internal sealed class SaveBench(TrainingBench bench, ModelConfig model, string place) : IDisposable
{
    private readonly CheckpointWriter _writer = new();
    private readonly CheckpointOrigin _origin = new("bench", Attempt: 1, Seed: 1, model, TokenizerSha256: "", Fingerprint: "bench", WindowsPerStep: 0);
    private readonly string _folder = Path.Combine(place, $".bench-{Environment.ProcessId}");

    /// <summary>How long training stood still for each copy, seconds.</summary>
    public List<double> Stalls { get; } = [];

    /// <summary>Seconds of the step after a save, the copy before it not counted.</summary>
    public double StepAfterSave()
    {
        _writer.Wait();
        var clock = Stopwatch.StartNew();
        var snapshot = bench.Snapshot();
        _writer.Begin(() => _ = CheckpointFolder.Write(_folder, _origin.ManifestAt(1), snapshot.Weights, snapshot.State));
        Stalls.Add(clock.Elapsed.TotalSeconds);
        return bench.Seconds();
    }

    /// <summary>Seconds of a step with nothing beside it.</summary>
    public double StepAlone()
    {
        _writer.Wait();
        return bench.Seconds();
    }

    public void Dispose()
    {
        _writer.Dispose();
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }
}
