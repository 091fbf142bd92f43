using System.Collections.Concurrent;
using System.Text.Json;
using Dtt.Grains.Storage;
using Orleans.Storage;

namespace Dtt.Grains.Tests.Platform;

/// <summary>Grain state as the database keeps it: JSON under an ETag, in memory. Writes can be made to fail, before or after they came through.</summary>
internal sealed class MemoryStorage : IGrainStorage
{
    private const string RunState = "run"; // frozen: it stands in databases
    private readonly ConcurrentDictionary<(string State, GrainId Grain), (string Json, string ETag)> _rows = new();
    private readonly ConcurrentDictionary<string, int> _reads = new();
    private Func<Task>? _late;

    /// <summary>The state whose reads and writes fail.</summary>
    public string Failing { get; set; } = RunState;

    /// <summary>Fails the next write of that state: nothing is written.</summary>
    public Exception? FailBeforeWrite { get; set; }

    /// <summary>Fails the next write of that state: it is written, and its answer is lost.</summary>
    public Exception? FailAfterWrite { get; set; }

    /// <summary>Fails the next write of that state: it comes through when <see cref="ComeThrough"/> says so, if its ETag is the stored one then.</summary>
    public Exception? FailUntilLater { get; set; }

    /// <summary>Fails the next read of that state.</summary>
    public Exception? FailRead { get; set; }

    /// <summary>How often states of a name were read.</summary>
    public int Reads(string stateName) => _reads.GetValueOrDefault(stateName);

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (stateName == Failing && Taken(FailRead, () => FailRead = null) is { } failure) return Task.FromException(failure);
        _ = _reads.AddOrUpdate(stateName, 1, (_, reads) => reads + 1);
        grainState.RecordExists = _rows.TryGetValue((stateName, grainId), out var row);
        grainState.ETag = grainState.RecordExists ? row.ETag : null;
        grainState.State = grainState.RecordExists ? (T)JsonSerializer.Deserialize(row.Json, typeof(T), GrainJson.Default)! : Activator.CreateInstance<T>();
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var isFailing = stateName == Failing;
        if (isFailing && Taken(FailUntilLater, () => FailUntilLater = null) is { } silent)
        {
            var late = new GrainState<T>(grainState.State, grainState.ETag);
            _late = () => WriteStateAsync(stateName, grainId, late);
            return Task.FromException(silent);
        }

        if (isFailing && Taken(FailBeforeWrite, () => FailBeforeWrite = null) is { } before) return Task.FromException(before);
        var stored = _rows.TryGetValue((stateName, grainId), out var row) ? row.ETag : null;
        if (stored != grainState.ETag) return Task.FromException(new InconsistentStateException($"{stateName} of {grainId}", stored, grainState.ETag));
        var etag = Guid.NewGuid().ToString("N");
        _rows[(stateName, grainId)] = (JsonSerializer.Serialize(grainState.State, typeof(T), GrainJson.Default), etag);
        if (isFailing && Taken(FailAfterWrite, () => FailAfterWrite = null) is { } after) return Task.FromException(after);
        (grainState.ETag, grainState.RecordExists) = (etag, true);
        return Task.CompletedTask;
    }

    /// <summary>The write whose answer was given up comes through now.</summary>
    /// <exception cref="InconsistentStateException">Another was written since.</exception>
    public Task ComeThrough() => _late!();

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        _ = _rows.TryRemove((stateName, grainId), out _);
        (grainState.ETag, grainState.RecordExists, grainState.State) = (null, false, Activator.CreateInstance<T>());
        return Task.CompletedTask;
    }

    private static Exception? Taken(Exception? failure, Action clear)
    {
        if (failure is not null) clear();
        return failure;
    }
}
