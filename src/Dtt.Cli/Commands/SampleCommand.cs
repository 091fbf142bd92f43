using System.CommandLine;
using System.Text;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt sample RUN</c>: text from a checkpoint, as it is made.</summary>
internal static class SampleCommand
{
    private static readonly Argument<string> _run = RunArguments.Run("RUN, RUN@STEP, RUN@best or RUN@latest.");
    private static readonly SampleSettings _defaults = new();
    private static readonly Option<string> _prompt = new("--prompt", "-p")
    {
        Description = "The text to continue.",
        DefaultValueFactory = _ => _defaults.Prompt,
    };

    private static readonly Option<int> _tokens = NumberOption.Create("Maximum number of tokens to add.", _defaults.MaxTokens, "--tokens", "-n");
    private static readonly Option<double> _temperature = NumberOption.Create("Softmax temperature; 0: the likeliest token.", _defaults.Temperature,
        "--temperature", "-t");
    private static readonly Option<int> _topK = NumberOption.Create("Sample from the k likeliest tokens; 0: all.", _defaults.TopK, "--top-k");
    private static readonly Option<double> _topP = NumberOption.Create("Sample from the likeliest tokens with this total probability; 1: all.",
        _defaults.TopP, "--top-p");
    private static readonly Option<long> _seed = NumberOption.Create("The same seed gives the same text.", _defaults.Seed, "--seed", "-s");
    private static readonly Option<int> _count = NumberOption.Create("Number of continuations.", _defaults.Count, "--num");
    private static readonly Option<bool> _json = JsonOutput.Option();

    public static Command Create()
    {
        var command = new Command("sample", "Continue a prompt with a checkpoint of a run.")
        {
            _run, _prompt, _tokens, _temperature, _topK, _topP, _seed, _count, _json,
        };
        command.SetAction(async (result, cancellation) => await RunAsync(result, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        var settings = new SampleSettings
        {
            Prompt = result.GetValue(_prompt)!,
            MaxTokens = result.GetValue(_tokens),
            Count = result.GetValue(_count),
            Temperature = result.GetValue(_temperature),
            TopK = result.GetValue(_topK),
            TopP = result.GetValue(_topP),
            Seed = result.GetValue(_seed),
        };
        if (settings.Errors() is { Count: > 0 } errors) throw new ConfigurationException([.. errors.Select(e => "--" + e)]);
        await using var client = await Platform.ConnectAsync(cancellation);
        var (_, view, checkpoint) = await RunLookup.FindCheckpointAsync(client, result.GetValue(_run)!);
        var texts = Jobs.RunAsync(client, view.Row.Folder, checkpoint.Step, new SampleSpec { Settings = settings }, cancellation).OfType<SampledText>();
        return result.GetValue(_json) ? await PrintJsonAsync(texts, settings, view.Record.Run, checkpoint.Step) : await StreamAsync(texts, settings);
    }

    private static async Task<int> StreamAsync(IAsyncEnumerable<SampledText> texts, SampleSettings settings)
    {
        var fresh = true;
        await foreach (var sampled in texts)
        {
            if (fresh) Console.Out.Write(settings.Prompt);
            Console.Out.Write(sampled.Text);
            Console.Out.Flush();
            fresh = sampled.Done;
            if (!sampled.Done) continue;
            Console.Out.WriteLine();
            if (sampled.Index + 1 < settings.Count) Console.Out.WriteLine();
            Console.Error.WriteLine($"{sampled.Tokens} tokens, {sampled.Tokens / Math.Max(sampled.Seconds, 1e-9):N0} tok/s");
        }

        return ExitCodes.Success;
    }

    private static async Task<int> PrintJsonAsync(IAsyncEnumerable<SampledText> texts, SampleSettings settings, string run, long step)
    {
        var list = new List<SampleOutput>();
        var text = new StringBuilder();
        await foreach (var sampled in texts)
        {
            text.Append(sampled.Text);
            if (!sampled.Done) continue;
            list.Add(new SampleOutput(run, step, settings.Prompt, text.ToString(), sampled.Tokens, sampled.Seconds));
            text.Clear();
        }

        JsonOutput.Print([.. list], JsonOutput.Records.SampleOutputArray);
        return ExitCodes.Success;
    }
}
