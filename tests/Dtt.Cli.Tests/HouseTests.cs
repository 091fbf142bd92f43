using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>Who may know whom, read from what the build made.</summary>
public sealed class HouseTests
{
    [Theory]
    [InlineData("Dtt.Cli", "dtt", "TorchSharp", "libtorch", "Microsoft.Orleans.Runtime/", "Microsoft.Orleans.Server/",
        "Microsoft.Diagnostics", "OpenTelemetry")]
    [InlineData("Dtt.Tui", "dtt-tui", "TorchSharp", "libtorch", "Microsoft.Orleans.Runtime/", "Microsoft.Orleans.Server/", "Dtt.Data/",
        "Microsoft.Diagnostics", "OpenTelemetry")]
    [InlineData("Dtt.Silo", "dtt-silo", "TorchSharp", "libtorch", "Terminal.Gui/", "Spectre.Console/")]
    [InlineData("Dtt.Training", "dtt-rank", "Microsoft.Orleans", "Microsoft.AspNetCore", "Dtt.Abstractions/", "Spectre.Console/", "System.CommandLine/")]
    public void Program_DoesNotCarry(string project, string program, params string[] forbidden)
    {
        using var dependencies = JsonDocument.Parse(File.ReadAllBytes(Repository.Built(project, $"{program}.deps.json")));
        var libraries = dependencies.RootElement.GetProperty("libraries").EnumerateObject().Select(l => l.Name).ToList();
        Assert.NotEmpty(libraries);
        Assert.DoesNotContain(libraries, l => forbidden.Any(f => l.StartsWith(f, StringComparison.OrdinalIgnoreCase)));
    }

    [Fact]
    public void OnlyTraining_NamesTorchSharp()
    {
        var naming = Directory.EnumerateFiles(Repository.At("src"), "*.cs*", SearchOption.AllDirectories)
            .Where(f => File.ReadAllText(f).Contains("TorchSharp")).ToList();
        Assert.NotEmpty(naming);
        Assert.All(naming, f => Assert.Contains("Dtt.Training", f));
    }
}
