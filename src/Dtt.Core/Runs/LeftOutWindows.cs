using System.Globalization;
using System.Text.Json.Serialization;

namespace Dtt.Core.Runs;

/// <summary>A stretch of the data order that a run leaves out: the windows that some of its steps would have had.</summary>
public sealed record LeftOutWindows
{
    /// <summary>The first position.</summary>
    public required long From { get; init; }

    /// <summary>The position behind the last.</summary>
    public required long To { get; init; }

    /// <summary>The first of the steps that would have had them.</summary>
    public required long FirstStep { get; init; }

    /// <summary>The last of those steps.</summary>
    public required long LastStep { get; init; }

    /// <summary>The first attempt that leaves them out.</summary>
    public required int Attempt { get; init; }

    /// <summary>Whether a spike of the loss was the reason; else somebody asked for it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Spike { get; init; }

    /// <summary><c>steps 15–16 (positions 112–127)</c>.</summary>
    [JsonIgnore]
    public string InWords
    {
        get
        {
            var steps = FirstStep == LastStep ? string.Create(CultureInfo.InvariantCulture, $"step {FirstStep}")
                : string.Create(CultureInfo.InvariantCulture, $"steps {FirstStep}–{LastStep}");
            return string.Create(CultureInfo.InvariantCulture, $"{steps} (positions {From}–{To - 1})");
        }
    }

    /// <summary>The windows of steps of a run as it is now.</summary>
    /// <param name="record">The run; the size of its steps is known.</param>
    /// <param name="firstStep">The first step, from 1.</param>
    /// <param name="lastStep">The last.</param>
    public static LeftOutWindows Of(RunRecord record, long firstStep, long lastStep)
    {
        var (map, g) = (new PositionMap(record.LeftOut), record.GlobalBatchWindows);
        return new LeftOutWindows
        {
            From = map.PositionOf((firstStep - 1) * g),
            To = map.PositionOf(lastStep * g - 1) + 1,
            FirstStep = firstStep,
            LastStep = lastStep,
            Attempt = record.CurrentAttempt + 1,
        };
    }
}
