using Dtt.Core.Errors;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Hosting;

/// <summary>
/// The end of a silo that cannot go on, most often because the others declared it dead: its work is theirs by now, so it ends at once, and its ranks with it
/// (the kernel kills them), instead of lingering beside them.
/// </summary>
internal sealed partial class DeclaredDead(Announcement announcement, ILogger<DeclaredDead> log) : IFatalErrorHandler
{
    private static readonly TimeSpan _withdrawal = TimeSpan.FromSeconds(1);

    public bool IsUnexpected(Exception exception) => true;

    public void OnFatalException(object? sender, string? context, Exception? exception)
    {
        try
        {
            LogEnding(context, exception);

            // The shared folder may be what is away: a file that stays behind costs a client a look, a silo that stays costs the run its ranks.
            _ = Task.WaitAny([Task.Factory.StartNew(announcement.Withdraw, TaskCreationOptions.LongRunning)], _withdrawal);
        }
        finally
        {
            Environment.Exit(ExitCodes.Requeue);
        }
    }

    [LoggerMessage(3033, LogLevel.Critical, "this silo cannot go on, and ends at once with its ranks: {Why}")]
    private partial void LogEnding(string? why, Exception? exception);
}
