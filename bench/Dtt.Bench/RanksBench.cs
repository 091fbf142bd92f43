using System.Text.Json;

namespace Dtt.Bench;

/// <summary>
/// Two ranks of one thread against one rank of two threads: the same global batch of the same model, as runs of the platform in turns.
/// </summary>
internal static class RanksBench
{
    private const int WarmSteps = 3, Vocab = 50257, Tokens = 1_000_000;

    /// <summary>Measures and prints.</summary>
    public static void Run(string preset, int steps, int pairs, string precision)
    {
        using var scratch = new Scratch();
        RandomTokens.Make(scratch, "random", Vocab, Tokens);
        string[] model =
        [
            "-d", "random", "-v", $"{Vocab}", "-ctx", "256", "-gas", "1",
            .. Scratch.Set($"preset={preset}", $"precision={precision}", $"max_steps={steps}", "eval_every=0", "save_every=0", "val_tokens=256"),
        ];
        var ratios = new List<double>();
        for (var pair = 0; pair < pairs; pair++)
        {
            var one = Median(scratch, $"one-{pair}", [.. model, "-b", "4"]);
            var two = Median(scratch, $"two-{pair}", [.. model, "-b", "2", .. Scratch.Set("ranks_per_node=2")]);
            ratios.Add(one / two);
            Console.WriteLine($"1 rank x 2 threads {one:N3} s a step, 2 ranks x 1 thread {two:N3} s: {ratios[^1]:N3}x");
        }

        Console.WriteLine($"ratio {Scratch.Spread(ratios, "N3")}");
    }

    private static double Median(Scratch scratch, string run, string[] arguments)
    {
        scratch.Dtt(["train", "-n", run, .. arguments]);
        var dtt = Path.Combine(Scratch.Repository, "dtt");
        scratch.Time("bash", "-c", $"{dtt} metrics {run} --json > {run}.json; {dtt} delete {run} --yes");
        var seconds = JsonDocument.Parse(File.ReadAllText(scratch.At($"{run}.json"))).RootElement.EnumerateArray()
            .Where(r => r.TryGetProperty("step_seconds", out _)).Skip(WarmSteps)
            .Select(r => r.GetProperty("step_seconds").GetDouble()).Order().ToList();
        return seconds[seconds.Count / 2];
    }
}
