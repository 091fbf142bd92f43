using Dtt.Core.Errors;

namespace Dtt.Cli.Output;

/// <summary>What the user sees of an exception: the message alone for mistakes, the stack for bugs.</summary>
internal static class ErrorReport
{
    private const int NoSpace = 28;

    /// <summary>Whether mistakes show their stack too.</summary>
    public static bool ShowStacks { get; set; }

    /// <summary>Prints to stderr; the exit code.</summary>
    public static int Print(Exception exception)
    {
        switch (exception)
        {
            case UserErrorException error:
                Console.Error.WriteLine(Terminal.ForError(ShowStacks ? error.ToString() : error.Message));
                return error.ExitCode;
            case IOException { HResult: var code } full when (code & 0xFFFF) == NoSpace || full.Message.Contains("No space left", StringComparison.Ordinal):
                Console.Error.WriteLine($"{full.Message} The disk is full. Finished work is kept; free some space and run the same command again.");
                return ExitCodes.Failure;
            case IOException failed:
                Console.Error.WriteLine(ShowStacks ? failed.ToString() : failed.Message);
                return ExitCodes.Failure;
            case UnauthorizedAccessException denied:
                Console.Error.WriteLine($"{denied.Message} Check the permissions, or name another folder in configs/path_templates.yaml.");
                return ExitCodes.Failure;
            case OrleansException or TimeoutException or OperationCanceledException when !ShowStacks:
                var why = exception is OperationCanceledException ? "" : $" ({exception.Message.TrimEnd('.')})";
                Console.Error.WriteLine($"the silo no longer answers{why}. Nothing is lost: run the same command again; `dtt silo logs` may say why.");
                return ExitCodes.Requeue;
            default:
                Console.Error.WriteLine($"this is a bug in DTT; please report it with the details below.{Environment.NewLine}{exception}");
                return ExitCodes.Failure;
        }
    }
}
