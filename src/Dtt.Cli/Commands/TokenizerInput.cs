using System.CommandLine;
using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Text;

namespace Dtt.Cli.Commands;

/// <summary>What the tokenizer's commands work on: words of the command line, a file, or standard input; its bytes as they are.</summary>
internal sealed class TokenizerInput
{
    private readonly Argument<string[]> _words;
    private readonly Option<string?> _file = new("--file", "-f") { Description = "Read a file instead.", HelpName = "FILE" };

    public TokenizerInput(Command command, string name)
    {
        _words = new Argument<string[]>(name) { Description = "Read from standard input when left out.", Arity = ArgumentArity.ZeroOrMore };
        command.Add(_words);
        command.Add(_file);
    }

    /// <summary>Whether it is on the command line itself.</summary>
    public bool IsTyped(ParseResult result) => result.GetValue(_words) is { Length: > 0 };

    /// <summary>The bytes.</summary>
    /// <exception cref="UserErrorException">The file cannot be read.</exception>
    public byte[] Read(ParseResult result)
    {
        if (result.GetValue(_file) is { } file)
        {
            return IsTyped(result) ? throw new UserErrorException("--file and words on the command line are two texts: give one.", ExitCodes.BadConfiguration)
                : ReadFile(file);
        }

        if (IsTyped(result)) return Encoding.UTF8.GetBytes(string.Join(' ', result.GetValue(_words)!));
        using var memory = new MemoryStream();
        using var input = Console.OpenStandardInput();
        input.CopyTo(memory);
        return memory.ToArray();
    }

    /// <summary>The bytes of a file, unpacked. A pipe has no length and can be read only once: its bytes are taken as they are.</summary>
    private static byte[] ReadFile(string file)
    {
        var path = UserPath.Full(file);
        if (Directory.Exists(path)) throw new UserErrorException($"{file} is a folder: name a file in it with --file.", ExitCodes.BadConfiguration);
        try
        {
            if (FileSystem.Target(path) is not { Exists: true, Length: > 0 }) return File.ReadAllBytes(path);
            using var memory = new MemoryStream();
            using var stream = TextStream.Open(path);
            stream.CopyTo(memory);
            return memory.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{file} cannot be read: {e.Message.TrimEnd('.')}.", ExitCodes.BadConfiguration, e);
        }
    }
}
