using System.Data.Common;
using Dtt.Abstractions;
using Npgsql;

namespace Dtt.Silo.Storage;

/// <summary>A grain call that the database failed becomes an <see cref="IOException"/> that says so: callers know no database, nor its exceptions.</summary>
internal sealed class StorageFailures(Database database) : IIncomingGrainCallFilter
{
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        try
        {
            await context.Invoke();
        }
        catch (Exception e) when (DatabaseErrorIn(e) is { } error)
        {
            throw database.Failure(error);
        }
        catch (OrleansException e) when (StorageUnavailableException.In(e) is { } failure)
        {
            throw new IOException(failure.Message);
        }
    }

    /// <summary>The error that callers see; without an inner exception, whose type a client could not load.</summary>
    /// <param name="what">What could not be read or written.</param>
    /// <param name="error">What the database said.</param>
    /// <param name="look">What to look at first.</param>
    public static IOException Of(string what, DbException error, string look) => new(
        $"{what} could not be read or written ({Said(error).TrimEnd('.')}); {look} " +
        "What was done before is kept: fix that and run the same command again.");

    /// <summary>What a database said, in one line: Npgsql appends words of its own to what the server said.</summary>
    public static string Said(DbException error) => error is PostgresException server ? $"{server.SqlState}: {server.MessageText}" : error.Message;

    /// <summary>What the database said, when that is why something failed.</summary>
    public static DbException? DatabaseErrorIn(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is DbException error) return error;
        }

        return null;
    }
}
