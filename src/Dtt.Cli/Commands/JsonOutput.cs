using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dtt.Cli.Output;

namespace Dtt.Cli.Commands;

/// <summary>How <c>--json</c> looks: on many lines, text as it is.</summary>
internal static class JsonOutput
{
    /// <summary>The records.</summary>
    public static CliJson Records { get; } = new(new JsonSerializerOptions(CliJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    /// <summary>The option <c>--json</c>.</summary>
    public static Option<bool> Option() => new("--json") { Description = "Print JSON, for scripts." };

    /// <summary>Prints to stdout.</summary>
    public static void Print<T>(T value, JsonTypeInfo<T> type) => Console.Out.WriteLine(JsonSerializer.Serialize(value, type));
}
