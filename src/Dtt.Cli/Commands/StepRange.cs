using System.Globalization;
using Dtt.Core.Errors;

namespace Dtt.Cli.Commands;

/// <summary>Steps as a user names them, as they stand in the log: <c>15</c> or <c>15..18</c>.</summary>
/// <param name="First">The first, from 1.</param>
/// <param name="Last">The last.</param>
internal readonly record struct StepRange(long First, long Last)
{
    /// <summary>Reads one.</summary>
    /// <exception cref="ConfigurationException">It is something else.</exception>
    public static StepRange Parse(string text)
    {
        var parts = text.Split("..", 2);
        if (!Number(parts[0], out var first) || !Number(parts[^1], out var last))
            throw new ConfigurationException($"'{text}' is not a step or a stretch of steps, such as 15 or 15..18; the first step is 1.");
        return first <= last ? new StepRange(first, last)
            : throw new ConfigurationException($"{text}: the first step is after the last; write {last}..{first}.");

        static bool Number(string part, out long step) => long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out step) && step > 0;
    }

    /// <summary><c>step 15</c>, <c>steps 15–18</c>.</summary>
    public string InWords => First == Last ? $"step {First:N0}" : $"steps {First:N0}–{Last:N0}";
}
