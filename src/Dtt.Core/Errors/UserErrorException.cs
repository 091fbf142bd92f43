namespace Dtt.Core.Errors;

/// <summary>
/// A mistake that the user can fix: programs print its message alone (what, where, the value, what to do) and leave with
/// <see cref="ExitCode"/>. Anything else that escapes is a bug and keeps its stack.
/// </summary>
public class UserErrorException(string message, int exitCode = ExitCodes.Failure, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; } = exitCode;
}
