using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Dtt.Abstractions;
using Dtt.Cli.Runs;
using Dtt.Client;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;

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
        await using var client = await Platform.ConnectAsync(cancellation);
        var (_, view, checkpoint) = await RunLookup.FindCheckpointAsync(client, result.GetValue(_run)!);
        var order = new SampleRequest
        {
            Run = view.Row.Folder,
            Step = checkpoint.Step,
            Prompt = result.GetValue(_prompt)!,
            MaxTokens = result.GetValue(_tokens),
            Count = result.GetValue(_count),
            Temperature = result.GetValue(_temperature),
            TopK = result.GetValue(_topK),
            TopP = result.GetValue(_topP),
            Seed = result.GetValue(_seed),
            Environment = RankEnvironment.OfThisProcess(),
        };
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation, client.Lost);
        var texts = Texts(client.Grains.GetGrain<ISampleGrain>(Guid.NewGuid()).SampleAsync(order).Until(ending.Token));
        return result.GetValue(_json) ? await PrintJsonAsync(texts, order, view.Record.Run) : await StreamAsync(texts, order);
    }

    private static async Task<int> StreamAsync(IAsyncEnumerable<SampledText> texts, SampleRequest order)
    {
        var fresh = true;
        await foreach (var sampled in texts)
        {
            if (fresh) Console.Out.Write(order.Prompt);
            Console.Out.Write(sampled.Text);
            Console.Out.Flush();
            fresh = sampled.Done;
            if (!sampled.Done) continue;
            Console.Out.WriteLine();
            if (sampled.Index + 1 < order.Count) Console.Out.WriteLine();
            Console.Error.WriteLine($"{sampled.Tokens} tokens, {sampled.Tokens / Math.Max(sampled.Seconds, 1e-9):N0} tok/s");
        }

        return ExitCodes.Success;
    }

    private static async Task<int> PrintJsonAsync(IAsyncEnumerable<SampledText> texts, SampleRequest order, string run)
    {
        var list = new JsonArray();
        var text = new StringBuilder();
        await foreach (var sampled in texts)
        {
            text.Append(sampled.Text);
            if (!sampled.Done) continue;
            list.Add(new JsonObject { ["run"] = run, ["step"] = order.Step, ["prompt"] = order.Prompt, ["text"] = text.ToString(), ["tokens"] = sampled.Tokens, ["seconds"] = sampled.Seconds });
            text.Clear();
        }

        Console.Out.WriteLine(list.ToJsonString(JsonOutput.Options));
        return ExitCodes.Success;
    }

    private static async IAsyncEnumerable<SampledText> Texts(IAsyncEnumerable<RankMessage> messages)
    {
        await foreach (var message in messages)
        {
            if (message is RankFailed failed) throw new UserErrorException(failed.Message, failed.ExitCode);
            if (message is SampledText sampled) yield return sampled;
        }
    }

    private static void Require(bool right, string otherwise)
    {
        if (!right) throw new ConfigurationException(otherwise);
    }
}
