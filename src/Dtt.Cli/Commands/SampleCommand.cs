using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Dtt.Abstractions.Errors;
using Dtt.Abstractions.Ranks;
using Dtt.Cli.Ranks;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt sample RUN</c>: text from a checkpoint, as it is made.</summary>
internal static class SampleCommand
{
    private static readonly Argument<string> _run = RunArguments.Run("RUN, RUN@STEP, RUN@best or RUN@latest.");
    private static readonly Option<string> _prompt = new("--prompt", "-p") { Description = "The text to continue.", DefaultValueFactory = _ => "Once upon a time" };
    private static readonly Option<int> _tokens = new("--tokens", "-n") { Description = "Most tokens to add.", DefaultValueFactory = _ => 100 };
    private static readonly Option<double> _temperature = new("--temperature", "-t") { Description = "0: always the likeliest token; 1: as the model has it.", DefaultValueFactory = _ => 0.8 };
    private static readonly Option<int> _topK = new("--top-k") { Description = "Only the k likeliest tokens; 0: all.", DefaultValueFactory = _ => 50 };
    private static readonly Option<double> _topP = new("--top-p") { Description = "Only the likeliest tokens that make up this probability; 1: all.", DefaultValueFactory = _ => 1 };
    private static readonly Option<long> _seed = new("--seed", "-s") { Description = "The same seed gives the same text.", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> _count = new("--num") { Description = "How many continuations.", DefaultValueFactory = _ => 1 };
    private static readonly Option<bool> _json = new("--json") { Description = "A JSON list instead of streamed text." };

    public static Command Create()
    {
        var command = new Command("sample", "Continue a prompt with a checkpoint of a run.") { _run, _prompt, _tokens, _temperature, _topK, _topP, _seed, _count, _json };
        command.SetAction(async (result, cancellation) => await RunAsync(result, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        Require(result.GetValue(_tokens) > 0, "--tokens takes at least 1.");
        Require(result.GetValue(_count) > 0, "--num takes at least 1.");
        Require(result.GetValue(_temperature) is >= 0 and < 1000, "--temperature takes 0 or more.");
        Require(result.GetValue(_topP) is > 0 and <= 1, "--top-p takes a number above 0 and at most 1.");
        Require(result.GetValue(_topK) >= 0, "--top-k takes 0 or more.");
        var store = RunArguments.Store();
        var (record, checkpoint) = RunArguments.Checkpoint(store, result.GetValue(_run)!);
        var folder = store.FolderOf(record.Run);
        var spec = new SampleSpec
        {
            CheckpointFolder = Path.GetFullPath(Path.Combine(folder, "checkpoints", checkpoint.FolderName)),
            ManifestSha256 = checkpoint.ManifestSha256,
            ConfigYaml = File.ReadAllText(Path.Combine(folder, "config.yaml")),
            TokenizerFolder = record.TokenizerFolder,
            Prompt = result.GetValue(_prompt)!,
            MaxTokens = result.GetValue(_tokens),
            Count = result.GetValue(_count),
            Temperature = result.GetValue(_temperature),
            TopK = result.GetValue(_topK),
            TopP = result.GetValue(_topP),
            Seed = result.GetValue(_seed),
        };
        using var rank = await RankProcess.StartAsync(spec, Path.Combine(folder, "logs", "sample.log"));
        using var stop = cancellation.Register(rank.Kill);
        return result.GetValue(_json) ? await PrintJsonAsync(rank, spec, record.Run, checkpoint.Step) : await StreamAsync(rank, spec);
    }

    private static async Task<int> StreamAsync(RankProcess rank, SampleSpec spec)
    {
        var fresh = true;
        await ReceiveAsync(rank, spec.Count, sampled =>
        {
            if (fresh) Console.Out.Write(spec.Prompt);
            Console.Out.Write(sampled.Text);
            Console.Out.Flush();
            fresh = sampled.Done;
            if (!sampled.Done) return;
            Console.Out.WriteLine();
            if (sampled.Index + 1 < spec.Count) Console.Out.WriteLine();
            Console.Error.WriteLine($"{sampled.Tokens} tokens, {sampled.Tokens / Math.Max(sampled.Seconds, 1e-9):N0} tok/s");
        });
        return ExitCodes.Success;
    }

    private static async Task<int> PrintJsonAsync(RankProcess rank, SampleSpec spec, string run, long step)
    {
        var list = new JsonArray();
        var text = new StringBuilder();
        await ReceiveAsync(rank, spec.Count, sampled =>
        {
            text.Append(sampled.Text);
            if (!sampled.Done) return;
            list.Add(new JsonObject { ["run"] = run, ["step"] = step, ["prompt"] = spec.Prompt, ["text"] = text.ToString(), ["tokens"] = sampled.Tokens, ["seconds"] = sampled.Seconds });
            text.Clear();
        });
        Console.Out.WriteLine(list.ToJsonString(JsonOutput.Options));
        return ExitCodes.Success;
    }

    private static async Task ReceiveAsync(RankProcess rank, int count, Action<SampledText> take)
    {
        var done = 0;
        while (await rank.Pipe.ReceiveAsync() is { } message)
        {
            if (message is RankFailed failed) throw new UserErrorException(failed.Message, failed.ExitCode);
            if (message is not SampledText sampled) continue;
            take(sampled);
            if (sampled.Done) done++;
        }

        if (done < count) throw new UserErrorException($"the rank {await rank.WaitAsync()} before it was done. {string.Join(" | ", rank.LastLines)}");
    }

    private static void Require(bool right, string otherwise)
    {
        if (!right) throw new ConfigurationException(otherwise);
    }
}
