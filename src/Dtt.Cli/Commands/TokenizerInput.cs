using System.CommandLine;
using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;

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

    private static byte[] ReadFile(string file)
    {
        try
        {
            return File.ReadAllBytes(UserPath.Full(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{file} cannot be read: {e.Message.TrimEnd('.')}.", ExitCodes.BadConfiguration, e);
        }
    }
}
