using System.CommandLine;
using System.Text;
using Dtt.Core.Errors;
using Dtt.Data.Tokenizers;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt tokenizer encode|decode</c>: text to ids and back.</summary>
internal static class TokenizerCommand
{
    public static Command Create() => new("tokenizer", "Try a tokenizer.")
    {
        Stage("encode", "Print the token ids of a text.", "TEXT", Encode),
        Stage("decode", "Print the text of token ids.", "ID", Decode),
    };

    private static Command Stage(string name, string description, string argumentName, Action<Vocabulary, string> act)
    {
        var input = new Argument<string[]>(argumentName) { Description = "Read from standard input when left out.", Arity = ArgumentArity.ZeroOrMore };
        var folder = new Option<string?>("--tokenizer") { Description = "The tokenizer's folder (default: the configuration's).", HelpName = "FOLDER" };
        var command = new Command(name, description) { input, folder };
        var options = new ConfigOptions(command, tokenizer: true, training: false);
        command.SetAction(result =>
        {
            var vocabulary = TokenizerFolder.Load(result.GetValue(folder) ?? options.Load(result).Paths.Tokenizer);
            var words = result.GetValue(input)!;
            act(vocabulary, words.Length > 0 ? string.Join(' ', words) : Console.In.ReadToEnd());
        });
        return command;
    }

    private static void Encode(Vocabulary vocabulary, string text) => Console.Out.WriteLine(string.Join(' ', new BpeEncoder(vocabulary).Encode(text)));

    private static void Decode(Vocabulary vocabulary, string text)
    {
        var ids = new List<int>();
        foreach (var word in text.Split([' ', '\n', '\t', ','], StringSplitOptions.RemoveEmptyEntries))
        {
            if (!int.TryParse(word, out var id) || id < 0 || id >= vocabulary.Size)
                throw new UserErrorException($"'{word}' is not a token id of this tokenizer; ids are 0 to {vocabulary.Size - 1}.", ExitCodes.BadConfiguration);
            ids.Add(id);
        }

        Console.Out.WriteLine(Encoding.UTF8.GetString(vocabulary.Decode(ids)));
    }
}
