using Spectre.Console;

namespace Dtt.Cli.Output;

/// <summary>The terminal for progress and diagnostics; results go to stdout.</summary>
internal static class Terminal
{
    /// <summary>stderr.</summary>
    public static IAnsiConsole Error { get; } = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
}
