using System.Globalization;

namespace Dtt.Core.Ranks;

/// <summary>How a prompt is continued, with the defaults and bounds of every program that asks for it.</summary>
public sealed record SampleSettings
{
    /// <summary>The text to continue.</summary>
    /// <value><c>Once upon a time</c>.</value>
    public string Prompt { get; init; } = "Once upon a time";

    /// <summary>Most tokens to add to each continuation, 1 to 1,000,000.</summary>
    /// <value>100.</value>
    public int MaxTokens { get; init; } = 100;

    /// <summary>How many continuations, 1 to 10,000.</summary>
    /// <value>1.</value>
    public int Count { get; init; } = 1;

    /// <summary>Softmax temperature, 0 to 1,000; 0: always the most likely token.</summary>
    /// <value>0.8.</value>
    public double Temperature { get; init; } = 0.8;

    /// <summary>Only the k most likely tokens; 0: all.</summary>
    /// <value>50.</value>
    public int TopK { get; init; } = 50;

    /// <summary>Only the most likely tokens that make up this probability, above 0 to 1; 1: all.</summary>
    /// <value>1.</value>
    public double TopP { get; init; } = 1;

    /// <summary>The same seed gives the same text.</summary>
    /// <value>1.</value>
    public long Seed { get; init; } = 1;

    /// <summary>What is out of bounds, a line each, with the value and the bound; empty: nothing.</summary>
    public IReadOnlyList<string> Errors()
    {
        var errors = new List<string>();
        void Require(bool right, FormattableString otherwise)
        {
            if (!right) errors.Add(otherwise.ToString(CultureInfo.InvariantCulture));
        }

        Require(MaxTokens is >= 1 and <= 1_000_000, $"tokens must be 1 to 1,000,000, not {MaxTokens}.");
        Require(Count is >= 1 and <= 10_000, $"num must be 1 to 10,000, not {Count}.");
        Require(Temperature is >= 0 and <= 1000, $"temperature must be 0 to 1,000, not {Temperature}.");
        Require(TopK >= 0, $"top-k must be 0 (all) or more, not {TopK}.");
        Require(TopP is > 0 and <= 1, $"top-p must be a number above 0 and at most 1, not {TopP}.");
        return errors;
    }
}
