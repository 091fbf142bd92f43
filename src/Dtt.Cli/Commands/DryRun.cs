using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Text;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt train --dry-run</c>: the resolved configuration, the parameter table and the arithmetic of the run.</summary>
internal static class DryRun
{
    private const int LeastWidth = 24; // of the names in the arithmetic

    /// <summary>Prints to stdout; 0, or 3 when the data are not ready.</summary>
    public static int Print(LoadedConfig config)
    {
        var run = config.Run;
        Console.Out.WriteLine("# configuration");
        Console.Out.Write(config.Values.ToYaml());
        Console.Out.WriteLine();
        PrintParameters(run.Model);
        var model = new ModelArithmetic(run.Model);
        long microTokens = (long)run.MicroBatchSize * run.Model.ContextLength, stepTokens = microTokens * run.GradAccumulationSteps;
        var rows = new List<(string Name, string Value)>();
        void Row(string name, string value) => rows.Add((name, value));
        Row("parameters", model.Parameters.ToString("N0"));
        Row("tokens per micro-batch", $"{microTokens:N0} = batch_size {run.MicroBatchSize} × n_ctx {run.Model.ContextLength}");
        Row("tokens per step", $"{stepTokens:N0} = {microTokens:N0} × grad_accumulation_steps {run.GradAccumulationSteps} × 1 rank");
        Row("FLOPs per token", $"{model.FlopsPerToken:0.000e+00}");
        Row("FLOPs per step", $"{model.FlopsPerToken * stepTokens:0.000e+00}");
        foreach (var bf16 in new[] { false, true })
        {
            var state = model.StateBytes(run.Optimizer.Name, bf16);
            long On(bool cpu) => model.ActivationBytes(run.MicroBatchSize, bf16, run.ActivationCheckpointing, onCpu: cpu);
            var activations = Math.Max(On(cpu: true), On(cpu: false));
            var sum = $"{Size(state)} weights, gradients and optimizer state + about {Size(activations)} activations";
            Row($"memory in {(bf16 ? "bf16" : "fp32")}", $"{Size(state + activations)} = {sum}");
        }

        var (needs, most) = (new RunNeeds(run), run.Keep + 2L);
        var each = needs.CheckpointBytes;
        Row("checkpoint", $"{Size(each)} each; up to {most} on disk: {Size((double)each * most)}; one more in memory while it is written");
        try
        {
            using var data = ConfiguredData.Open(config);
            var (n, g, steps) = (data.EpochWindows, data.Plan.GlobalBatchWindows, data.Plan.TotalSteps);
            foreach (var dataset in data.Datasets)
            {
                var of = data.Mixture is null ? "" : $" of {dataset.Name}";
                Row($"training windows {(data.Mixture is null ? "N" : of.TrimStart())}", $"{dataset.Windows.Count:N0} of {run.Model.ContextLength} tokens");
                Row($"tokens in no window{of}", dataset.Windows.UnreachedInWords);
                var val = new WindowIndex(dataset.Val.Lengths, run.Model.ContextLength, overlap: 0);
                Row($"validation windows{of}", $"{val.Count:N0}; tokens in no window: {val.UnreachedInWords}");
            }

            foreach (var draw in MixtureDraw.Of(data.Mixture, steps * g, run.Model.ContextLength, new PositionMap(null)))
                Row($"drawn of {draw.Dataset}", draw.InWords);
            var bound = run.Epochs * n / g > steps ? "limited by max_steps or max_tokens" : $"{run.Epochs} × N ÷ G, {run.Epochs * n % g:N0} windows left over";
            Row("steps", $"{steps:N0} of {g:N0} windows; {bound}");
            Row("total tokens", $"{steps * stepTokens:N0}");
            Row("total FLOPs", $"{model.FlopsPerToken * stepTokens * steps:0.000e+00}");
            if (run.Choices is { } choices) Row("choices", $"{ChoiceFile.Read(choices, run.MaxChoices, data.Vocabulary).Count:N0} questions of {choices}");
            return ExitCodes.Success;
        }
        catch (BadDataException e)
        {
            Row("not ready", e.Message);
            return ExitCodes.BadData;
        }
        finally
        {
            Console.Out.WriteLine("# arithmetic");
            var width = Math.Max(LeastWidth, rows.Max(r => r.Name.Length));
            foreach (var (name, value) in rows) Console.Out.WriteLine($"{name.PadRight(width)} {value}");
        }
    }

    private static void PrintParameters(ModelConfig model)
    {
        Console.Out.WriteLine("# parameters");
        foreach (var spec in ParameterTable.Of(model))
        {
            var shape = $"({string.Join(", ", spec.Shape)})";
            Console.Out.WriteLine($"{spec.Name,-40} {shape,-18} {spec.Count,14:N0}  {(spec.Decays ? "decay" : "")}".TrimEnd());
        }

        Console.Out.WriteLine();
    }

    private static string Size(double bytes) =>
        bytes >= 1L << 30 ? $"{bytes / (1L << 30):0.00} GiB" : $"{bytes / (1L << 20):0.0} MiB";
}
