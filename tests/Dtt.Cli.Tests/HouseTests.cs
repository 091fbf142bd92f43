using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>Who may know whom, read from what the build made.</summary>
public sealed class HouseTests
{
    [Theory]
    [InlineData("dtt", "TorchSharp", "libtorch")]
    [InlineData("dtt-rank", "Microsoft.Orleans", "Spectre.Console", "System.CommandLine")]
    public void Program_DoesNotCarry(string program, params string[] forbidden)
    {
        var assembly = program == "dtt" ? DttProgram.Assembly : DttProgram.RankAssembly;
        using var dependencies = JsonDocument.Parse(File.ReadAllBytes(Path.ChangeExtension(assembly, ".deps.json")));
        var libraries = dependencies.RootElement.GetProperty("libraries").EnumerateObject().Select(l => l.Name).ToList();
        Assert.NotEmpty(libraries);
        Assert.DoesNotContain(libraries, l => forbidden.Any(f => l.StartsWith(f, StringComparison.OrdinalIgnoreCase)));
    }

    [Fact]
    public void OnlyTraining_NamesTorchSharp()
    {
        var naming = Directory.EnumerateFiles(Repository.At("src"), "*.cs*", SearchOption.AllDirectories).Where(f => File.ReadAllText(f).Contains("TorchSharp")).ToList();
        Assert.NotEmpty(naming);
        Assert.All(naming, f => Assert.Contains("Dtt.Training", f));
    }
}
