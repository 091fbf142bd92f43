using System.CommandLine;
using System.Text;
using System.Text.Json;
using Dtt.Cli.Output;
using Dtt.Core.Errors;
using Dtt.Data.Tokenizers;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt tokenizer train|encode|decode|inspect|compare</c>: tokenizers and texts without a dataset.</summary>
internal static class TokenizerCommand
{
    public static Command Create() => new("tokenizer", "Train, try and compare tokenizers.")
    {
        TokenizerTrainCommand.Create(), Encode(), Decode(), Inspect(), Compare(),
    };

    private static Command Encode()
    {
        var command = new Command("encode", "Print the token ids of a text.");
        var (input, open, json) = (new TokenizerInput(command, "TEXT"), Tokenizer(command), JsonOutput.Option());
        command.Add(json);
        command.SetAction(result =>
        {
            var vocabulary = open(result);
            var ids = IdsOf(vocabulary, input.Read(result));
            if (!result.GetValue(json)) Console.Out.WriteLine(string.Join(' ', ids));
            else JsonOutput.Print([.. ids.Select(id => TokenOutput.Of(vocabulary, id))], JsonOutput.Records.TokenOutputArray);
        });
        return command;
    }

    private static Command Decode()
    {
        var command = new Command("decode", "Print the text of token ids; ids from a file or standard input give its bytes exactly.");
        var (input, open) = (new TokenizerInput(command, "ID"), Tokenizer(command));
        command.SetAction(result =>
        {
            var vocabulary = open(result);
            var bytes = vocabulary.Decode(Ids(vocabulary, Encoding.UTF8.GetString(input.Read(result))));
            if (input.IsTyped(result) || !Console.IsOutputRedirected)
            {
                Console.Out.WriteLine(Encoding.UTF8.GetString(bytes));
                return;
            }

            using var output = Console.OpenStandardOutput();
            output.Write(bytes);
        });
        return command;
    }

    private static Command Inspect()
    {
        var command = new Command("inspect", "Show what a tokenizer consists of.");
        var (open, json) = (Tokenizer(command), JsonOutput.Option());
        command.Add(json);
        command.SetAction(result =>
        {
            var tokenizer = TokenizerOutput.Of(open(result));
            if (result.GetValue(json))
            {
                JsonOutput.Print(tokenizer, JsonOutput.Records.TokenizerOutput);
                return;
            }

            void Row(string name, string value) => Console.Out.WriteLine($"{name,-16} {value}");
            Row("ids", $"{tokenizer.Ids:N0}, of which {tokenizer.UnusedIds:N0} belong to no token");
            Row("merges", $"{tokenizer.Merges:N0}");
            Row("pre_tokenizer", tokenizer.PreTokenizer);
            Row("end of text", $"{tokenizer.EndOfText} ({tokenizer.EndOfTextId})");
            Row("added tokens", string.Join(", ", tokenizer.AddedTokens.Select(t => $"{t.Text} ({t.Id})")));
            Row("longest token", $"{tokenizer.LongestBytes:N0} bytes ({tokenizer.LongestId})");
            Row("sha256", tokenizer.Sha256);
        });
        return command;
    }

    private static Command Compare()
    {
        var command = new Command("compare", "Count the tokens that each of two tokenizers makes of one text.");
        Argument<string> Which(string name) => new(name) { Description = "gpt2, cl100k, o200k, a tokenizer's folder, a tokenizer.json or a .tiktoken file." };
        var (a, b, json) = (Which("TOKENIZER"), Which("OTHER"), JsonOutput.Option());
        command.Add(a);
        command.Add(b);
        var input = new TokenizerInput(command, "TEXT");
        command.Add(json);
        command.SetAction(result =>
        {
            var text = input.Read(result);
            if (text.Length == 0) throw new UserErrorException("the text is empty: there is nothing to compare.", ExitCodes.BadConfiguration);
            CompareOutput Of(string name) => CompareOutput.Of(name, TokenizerFolder.Open(name), text);
            CompareOutput[] rows = [Of(result.GetValue(a)!), Of(result.GetValue(b)!)];
            if (result.GetValue(json))
            {
                JsonOutput.Print(rows, JsonOutput.Records.CompareOutputArray);
                return;
            }

            Table.Print(
                rows,
                new("tokenizer", r => r.Tokenizer),
                new("ids", r => $"{r.Ids:N0}", Right: true),
                new("tokens", r => $"{r.Tokens:N0}", Right: true),
                new("bytes a token", r => $"{r.BytesPerToken:0.000}", Right: true),
                new("ids used", r => $"{r.IdsUsed:N0}", Right: true));
        });
        return command;
    }

    /// <summary>The ids of bytes.</summary>
    public static int[] IdsOf(Vocabulary vocabulary, ReadOnlySpan<byte> text)
    {
        var ids = new TokenBuffer();
        new BpeEncoder(vocabulary).Encode(text, ids);
        return ids.Ids.ToArray();
    }

    /// <summary>The tokenizer that an option names, or the configuration's.</summary>
    private static Func<ParseResult, Vocabulary> Tokenizer(Command command)
    {
        var which = new Option<string?>("--tokenizer")
        {
            Description = "gpt2, cl100k, o200k, a tokenizer's folder, a tokenizer.json or a .tiktoken file (default: the configuration's).",
            HelpName = "TOKENIZER",
        };
        command.Add(which);
        var options = new ConfigOptions(command, tokenizer: true, training: false);
        return result =>
        {
            if (result.GetValue(which) is { } named) return TokenizerFolder.Open(named);
            var config = options.Load(result);
            return config.Run.Tokenizer is { } tokenizer ? TokenizerFolder.Open(tokenizer) : TokenizerFolder.Load(config.Paths.Tokenizer);
        };
    }

    private static List<int> Ids(Vocabulary vocabulary, string text)
    {
        var ids = new List<int>();
        var words = text.TrimStart().StartsWith('[') ? JsonIds(text) : text.Split([' ', '\r', '\n', '\t', ','], StringSplitOptions.RemoveEmptyEntries);
        foreach (var word in words)
        {
            if (!int.TryParse(word, out var id) || id < 0 || id >= vocabulary.Size)
                throw new UserErrorException($"'{word}' is not a token id of this tokenizer; ids are 0 to {vocabulary.Size - 1}.", ExitCodes.BadConfiguration);
            ids.Add(id);
        }

        return ids;
    }

    /// <summary>The ids in what <c>encode --json</c> writes, or in an array of numbers.</summary>
    private static IEnumerable<string> JsonIds(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            return [.. json.RootElement.EnumerateArray().Select(e => (e.ValueKind == JsonValueKind.Object ? e.GetProperty("id") : e).GetRawText())];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException)
        {
            throw new UserErrorException("the input begins with '[', but is not an array of ids, nor what `dtt tokenizer encode --json` writes: "
                + $"{e.Message.TrimEnd('.')}.", ExitCodes.BadConfiguration, e);
        }
    }
}
