using Dtt.Core.Ranks;
using TorchSharp;
using TorchSharp.Modules;

namespace Dtt.Training.Telemetry;

/// <summary>
/// Metrics and samples as TensorBoard event files, one of each attempt in the run's <c>tensorboard</c> folder. Steps that are run again after a crash are in
/// both attempts' files; the curve that has every step once is the platform's.
/// </summary>
internal sealed class EventFiles
{
    private readonly SummaryWriter _writer;
    private bool _failed;

    /// <summary>The files of one attempt.</summary>
    /// <param name="runFolder">The run's folder.</param>
    /// <param name="attempt">The attempt, which is in their names.</param>
    public EventFiles(string runFolder, int attempt)
    {
        Folder = Path.Combine(runFolder, "tensorboard");
        Directory.CreateDirectory(Folder);
        _writer = torch.utils.tensorboard.SummaryWriter(Folder, $".a{attempt:00}");
    }

    /// <summary>Where they are.</summary>
    public string Folder { get; }

    /// <summary>Writes what is metrics or a sample.</summary>
    /// <returns>Why nothing more is written; null while all is well.</returns>
    public string? Write(RankMessage message)
    {
        if (_failed) return null;
        try
        {
            if (message is MetricsReport report)
            {
                foreach (var row in report.Rows)
                {
                    foreach (var (name, value) in row.Values) _writer.add_scalar(name, (float)value, checked((int)row.Step));
                }
            }

            if (message is TrainingSample sample) _writer.add_text("sample", sample.Text, checked((int)sample.Step));
            return null;
        }
        catch (IOException e)
        {
            _failed = true;
            return $"event files are not written any more: {e.Message}";
        }
    }
}
