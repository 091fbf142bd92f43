using System.Text.Encodings.Web;
using System.Text.Json;

namespace Dtt.Cli.Commands;

/// <summary>How <c>--json</c> looks.</summary>
internal static class JsonOutput
{
    /// <summary>On many lines, text as it is.</summary>
    public static JsonSerializerOptions Options { get; } = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
