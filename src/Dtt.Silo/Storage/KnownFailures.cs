using Dtt.Abstractions;
using Npgsql;
using Orleans.Storage;

namespace Dtt.Silo.Storage;

/// <summary>
/// A grain storage whose database errors callers of grains can understand: an activation that cannot read its state fails before any filter of calls, and hands
/// the error to its callers as it is.
/// </summary>
/// <param name="storage">The storage.</param>
/// <param name="database">Where it keeps its rows.</param>
internal sealed class KnownFailures(IGrainStorage storage, Database database) : IGrainStorage
{
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        KnownAsync(storage.ReadStateAsync(stateName, grainId, grainState));

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        KnownAsync(storage.WriteStateAsync(stateName, grainId, grainState));

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        KnownAsync(storage.ClearStateAsync(stateName, grainId, grainState));

    private async Task KnownAsync(Task done)
    {
        try
        {
            await done;
        }
        catch (Exception e) when (StorageFailures.DatabaseErrorIn(e) is { } error)
        {
            // A server that answers with an error has ended the transaction; one that is silent may stand in its commit. SQLite is never silent.
            var isSilent = error is NpgsqlException and not PostgresException;
            throw new StorageUnavailableException(database.Failure(error).Message) { MayComeThrough = isSilent };
        }
    }
}
