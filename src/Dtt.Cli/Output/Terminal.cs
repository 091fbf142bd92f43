using Dtt.Core.Platform;
using Spectre.Console;

namespace Dtt.Cli.Output;

/// <summary>The terminal for progress and diagnostics; results go to stdout.</summary>
internal static class Terminal
{
    /// <summary>stderr.</summary>
    public static IAnsiConsole Error { get; } = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>A text for stderr: with its control characters spelled out where that is a terminal.</summary>
    public static string ForError(string text) => Console.IsErrorRedirected ? text : TerminalText.Escape(text);
}
