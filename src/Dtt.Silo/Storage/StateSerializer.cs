using System.Text.Json;
using Dtt.Grains.Storage;
using Orleans.Storage;

namespace Dtt.Silo.Storage;

/// <summary>Grain state as plain JSON: readable, and without type names, so that renaming a type breaks no row.</summary>
internal sealed class StateSerializer : IGrainStorageSerializer
{
    public BinaryData Serialize<T>(T? input) => new(JsonSerializer.SerializeToUtf8Bytes(input, typeof(T), GrainJson.Default));

    public T Deserialize<T>(BinaryData input) => (T)JsonSerializer.Deserialize(input.ToMemory().Span, typeof(T), GrainJson.Default)!;
}
