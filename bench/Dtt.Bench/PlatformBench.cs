using System.Globalization;
using System.Text.RegularExpressions;
using Dtt.Core.Platform;

namespace Dtt.Bench;

/// <summary>The quickstart's model as a run of the platform and as a rank alone, in turns: the mean time of a step as the rank's own log has it.</summary>
internal static partial class PlatformBench
{
    private const int WarmSteps = 20;

    /// <summary>Measures and prints.</summary>
    public static void Run(int steps, string[] sets, int pairs)
    {
        using var scratch = new Scratch();
        const string config = "configs/quickstart.yaml";
        scratch.Time("cp", "-r", Path.Combine(Scratch.Repository, "configs"), scratch.Folder);
        scratch.Dtt("download", "-c", config);
        scratch.Dtt("tokenize", "-c", config);
        var rank = Path.Combine(Scratch.Repository, "artifacts", "bin", "Dtt.Training", "release_linux-x64", "dtt-rank.dll");
        string[] settings = [$"max_steps={steps}", "eval_every=0", "save_every=0", .. sets];
        var ratios = new List<double>();
        for (var pair = 0; pair < pairs; pair++)
        {
            // The rank alone gets the environment that a silo gives to its ranks.
            var environment = string.Join(' ', RankEnvironment.Defaults.Select(v => $"{v.Key}={v.Value}"));
            var standalone = $"dotnet {rank} --standalone {config} name=alone-{pair} {string.Join(' ', settings)}";
            scratch.Time("bash", "-c", $"{environment} {standalone} 2> alone.log");
            scratch.Dtt(["train", "-c", config, "-n", $"run-{pair}", .. Scratch.Set(settings)]);
            var (alone, run) = (MeanStep(scratch.At("alone.log")), MeanStep(scratch.At("runs", $"run-{pair}", "logs", "a01.log")));
            ratios.Add(alone / run);
            Console.WriteLine($"alone {alone:N1} ms a step, dtt train {run:N1} ms: {ratios[^1]:N3}x");
        }

        Console.WriteLine($"ratio {Scratch.Spread(ratios, "N3")}");
    }

    private static double MeanStep(string log) =>
        File.ReadLines(log).Select(l => StepTime().Match(l)).Where(m => m.Success).Skip(WarmSteps)
            .Average(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"\| dt ([0-9.,]+) ms")]
    private static partial Regex StepTime();
}
