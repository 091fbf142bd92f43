using System.CommandLine;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt tokenizer train</c>: a tokenizer from files of plain text, or from standard input, without a dataset.</summary>
internal static class TokenizerTrainCommand
{
    private const int Block = 1 << 22;

    public static Command Create()
    {
        var command = new Command("train", "Train a tokenizer on text, by lines. `dtt tokenize` trains one on a dataset, as part of its work.");
        var files = new Argument<string[]>("FILE")
        {
            Description = "Plain text, also .gz or .zst; standard input when left out.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var folder = new Option<string>("--output", "-o") { Description = "The folder to make.", HelpName = "FOLDER", Required = true };
        var size = NumberOption.Create("Ids: 256 bytes, the merges and the special tokens.", 16384, "--vocab-size", "-v", "--vocab_size");
        var pattern = new Option<string>("--pre-tokenizer") { Description = "How text is cut into words.", DefaultValueFactory = _ => "gpt2" };
        pattern.AcceptOnlyFromAmong([.. TokenizerNames.Patterns]);
        var special = new Option<string[]>("--special") { Description = "A special token besides <|endoftext|>; repeatable.", DefaultValueFactory = _ => [] };
        foreach (var option in new Option[] { folder, size, pattern, special }) command.Add(option);
        command.Add(files);
        command.SetAction(result =>
        {
            var (target, tokens, ids) = (UserPath.Full(result.GetValue(folder)!), result.GetValue(special)!, result.GetValue(size));
            if (Path.Exists(target)) throw Wrong($"{target} is there already; name another folder with -o, or move it away.");
            if (ids < 257 + tokens.Length)
                throw Wrong($"--vocab-size is {ids}, but must be at least {257 + tokens.Length}: 256 bytes and the special tokens.");
            if (tokens.Append(Vocabulary.EndOfTextToken).Distinct().Count() <= tokens.Length || tokens.Contains(""))
                throw Wrong("--special takes different texts, none empty and none <|endoftext|>, which is one anyway.");
            var counts = new WordCounts(WordPattern.Named(result.GetValue(pattern)!));
            foreach (var file in result.GetValue(files)!) Count(UserPath.Full(file), counts);
            if (result.GetValue(files)!.Length == 0) Count("standard input", Console.OpenStandardInput(), counts);
            var vocabulary = BpeTrainer.Train(counts, ids, tokens);
            TokenizerFolder.Save(vocabulary, target);
            Console.Error.WriteLine($"tokenizer: {Path.GetFileName(target)}, {vocabulary.Size:N0} ids from {counts.Words.Count:N0} different words ({target})");
        });
        return command;
    }

    private static UserErrorException Wrong(string message) => new(message, ExitCodes.BadConfiguration);

    private static void Count(string file, WordCounts counts)
    {
        if (TextFormat.Of(file) is { Kind: not TextKind.Plain })
            throw Wrong($"{file} holds more than its text: `dtt tokenize -d {file}` reads the text in it.");
        if (Directory.Exists(file)) throw Wrong($"{file} is a folder: name its files, or read all of its text with `dtt tokenize -d {file}`.");
        if (!File.Exists(file)) throw Wrong($"there is no file {file}.");
        Count(file, TextStream.Open(file), counts);
    }

    /// <summary>Counts each line with its end, so that no word goes over it; a line without an end is taken by blocks.</summary>
    private static void Count(string name, Stream text, WordCounts counts)
    {
        using var stream = text;
        var check = new Utf8Check();
        var (buffer, held) = (new byte[Block], 0);
        while (stream.ReadAtLeast(buffer.AsSpan(held), buffer.Length - held, throwOnEndOfStream: false) is > 0 and var read)
        {
            var filled = buffer.AsSpan(0, held + read);
            check.Add(filled[held..]);
            var rest = filled;
            while (rest.IndexOf((byte)'\n') is >= 0 and var end)
            {
                counts.Add(rest[..(end + 1)]);
                rest = rest[(end + 1)..];
            }

            if (rest.Length == buffer.Length)
            {
                counts.Add(rest);
                rest = [];
            }

            rest.CopyTo(buffer);
            held = rest.Length;
        }

        if (held > 0) counts.Add(buffer.AsSpan(0, held));
        check.End();
        if (check.WhatElse is { } other) Console.Error.WriteLine($"note: {name} {other}; its bytes are counted as they are.");
        else if (check.FirstInvalid is { } offset) Console.Error.WriteLine($"note: {name} is no UTF-8 at byte {offset:N0}; its bytes are counted as they are.");
    }
}
