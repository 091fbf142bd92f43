using System.Diagnostics;
using System.Text.Json;
using Dtt.Core.Runs;
using Dtt.Core.Storage;
using TorchSharp;

namespace Dtt.Training.Telemetry;

/// <summary>
/// The time of each phase of a step, and a few steps of each attempt as a trace in Chrome's format, which Perfetto opens. On a GPU a phase ends when the
/// device has done its work, so profiled steps are slower than others.
/// </summary>
/// <param name="file">The trace's file.</param>
/// <param name="rank">Which rank this is: a process of its own in the trace.</param>
/// <param name="device">Where the work is done.</param>
internal sealed class StepProfile(string file, int rank, torch.Device device)
{
    private const int FirstTraced = 3, Traced = 3; // the steps before choose kernels and get memory
    private readonly Dictionary<string, double> _seconds = new(StringComparer.Ordinal);
    private readonly List<(string Phase, string Name, TimeSpan Start, TimeSpan Duration)> _spans = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _steps;

    /// <summary>Times what happens until the result is disposed.</summary>
    /// <param name="phase">One of <see cref="MetricNames"/>' phases, to which the time is added.</param>
    /// <param name="name">What the trace calls it.</param>
    public Span Measure(string phase, string? name = null) => new(this, phase, name ?? phase);

    /// <summary>Ends a step, and writes the trace once it is complete.</summary>
    /// <returns>The step's phases, seconds.</returns>
    public Dictionary<string, double> EndStep()
    {
        var phases = new Dictionary<string, double>(_seconds);
        _seconds.Clear();
        if (++_steps == FirstTraced + Traced) WriteTrace();
        return phases;
    }

    private bool Tracing => _steps >= FirstTraced && _steps < FirstTraced + Traced;

    private void End(Span span)
    {
        if (device.type == DeviceType.CUDA) torch.cuda.synchronize();
        var duration = _clock.Elapsed - span.Start;
        _seconds[span.Phase] = _seconds.GetValueOrDefault(span.Phase) + duration.TotalSeconds;
        if (Tracing) _spans.Add((span.Phase, span.Name, span.Start, duration));
    }

    /// <summary>Complete events ("ph": "X") with microseconds, as Chrome's Trace Event Format has them.</summary>
    private void WriteTrace()
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            json.WriteString("displayTimeUnit", "ms");
            json.WriteStartArray("traceEvents");
            json.WriteStartObject();
            json.WriteString("name", "process_name");
            json.WriteString("ph", "M");
            json.WriteNumber("pid", rank);
            json.WriteStartObject("args");
            json.WriteString("name", $"rank {rank}");
            json.WriteEndObject();
            json.WriteEndObject();
            foreach (var (phase, name, start, duration) in _spans.OrderBy(s => s.Start))
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteString("cat", phase);
                json.WriteString("ph", "X");
                json.WriteNumber("ts", start.TotalMicroseconds);
                json.WriteNumber("dur", duration.TotalMicroseconds);
                json.WriteNumber("pid", rank);
                json.WriteNumber("tid", 0);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        _spans.Clear();
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            DurableFile.Replace(file, memory.ToArray());
        }
        catch (IOException)
        {
            // A full disk: the next checkpoint says so, and training is worth more than its trace.
        }
    }

    /// <summary>One stretch of time.</summary>
    public readonly struct Span(StepProfile profile, string phase, string name) : IDisposable
    {
        internal string Phase => phase;

        internal string Name => name;

        internal TimeSpan Start { get; } = profile._clock.Elapsed;

        public void Dispose() => profile.End(this);
    }
}
