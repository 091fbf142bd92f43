namespace Dtt.Core.Configuration;

/// <summary>What counts as a spike of the training loss, and what is left out for one.</summary>
/// <param name="Sigma">How many standard deviations above the mean of the steps before.</param>
/// <param name="Window">How many steps before.</param>
/// <param name="Skip">Steps behind the spike whose windows are left out with its own.</param>
public sealed record SpikeConfig(double Sigma, int Window, int Skip)
{
    private const int UsualWindow = 100;

    /// <summary>Builds it from checked values; null: nothing is looked for.</summary>
    public static SpikeConfig? From(ConfigValues v) => v.DoubleOrNull("spike.sigma") is not { } sigma ? null
        : new SpikeConfig(sigma, (int)(v.LongOrNull("spike.window") ?? UsualWindow), (int)(v.LongOrNull("spike.skip") ?? 0));

    /// <summary>Checks what one key cannot tell alone.</summary>
    public static void Check(ConfigValues v, IList<string> errors)
    {
        foreach (var key in new[] { "spike.window", "spike.skip" }.Where(k => v.LongOrNull(k) is not null && v.DoubleOrNull("spike.sigma") is null))
            errors.Add($"{v.Origin(key)}: '{key}' does nothing without 'spike.sigma': set that too, for example to 6 (standard deviations).");
    }
}
