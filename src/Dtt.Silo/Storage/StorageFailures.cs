using System.Data.Common;
using Dtt.Core.Platform;

namespace Dtt.Silo.Storage;

/// <summary>A grain call that the database failed becomes an <see cref="IOException"/> that says so: callers know no database, nor its exceptions.</summary>
internal sealed class StorageFailures(PlatformFolders folders) : IIncomingGrainCallFilter
{
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        try
        {
            await context.Invoke();
        }
        catch (Exception e) when (DatabaseErrorIn(e) is { } error)
        {
            throw Of($"the platform's state in {folders.State}", error);
        }
    }

    /// <summary>The error that callers see; without an inner exception, whose type a client could not load.</summary>
    /// <param name="what">What could not be read or written.</param>
    /// <param name="error">What the database said.</param>
    public static IOException Of(string what, DbException error) => new(
        $"{what} could not be read or written ({error.Message.TrimEnd('.')}); is the disk full? " +
        "What was done before is kept: fix that and run the same command again.");

    private static DbException? DatabaseErrorIn(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is DbException error) return error;
        }

        return null;
    }
}
