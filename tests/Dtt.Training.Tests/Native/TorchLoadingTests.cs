using System.Text;
using TorchSharp;

namespace Dtt.Training.Tests.Native;

/// <summary>TorchSharp loads here, and asks for nothing that the oldest supported system (RHEL 9: glibc 2.34, libstdc++ of GCC 11) lacks.</summary>
public sealed class TorchLoadingTests
{
    [Fact]
    public void Torch_Loads() => Assert.StartsWith("2.", torch.__version__);

    [Theory]
    [InlineData("libLibTorchSharp.so")]
    [InlineData("libtorch_cpu.so")]
    [InlineData("libtorch.so")]
    [InlineData("libc10.so")]
    public void Library_NeedsNoNewerSystemThanRhel9(string library)
    {
        var file = Path.Combine(AppContext.BaseDirectory, library);
        Assert.SkipUnless(File.Exists(file), $"this build has no {library} of its own: it was made with -p:TorchBackend=none, or on another libtorch");
        var needs = VersionNeeds(file);
        Assert.Empty(needs.Where(n => !n.Weak && TooNew(n.Version)).Select(n => n.Version));
    }

    private static bool TooNew(string version) => version.Split('_', 2) switch
    {
        ["GLIBC", var number] => Version.Parse(number) > new Version(2, 34),
        ["GLIBCXX", var number] => Version.Parse(number) > new Version(3, 4, 29),
        _ => false,
    };

    /// <summary>The entries of an ELF file's .gnu.version_r.</summary>
    private static List<(string Version, bool Weak)> VersionNeeds(string file)
    {
        var elf = File.ReadAllBytes(file);
        long Half(long at) => BitConverter.ToUInt16(elf, (int)at);
        long Word(long at) => BitConverter.ToUInt32(elf, (int)at);
        long Long(long at) => BitConverter.ToInt64(elf, (int)at);
        var found = new List<(string, bool)>();
        var (sections, size) = (Long(0x28), Half(0x3A));
        for (var s = sections; s < sections + Half(0x3C) * size; s += size)
        {
            if (Word(s + 4) != 0x6ffffffe) continue;
            var strings = Long(sections + Word(s + 40) * size + 24);
            var need = Long(s + 24);
            for (var n = Word(s + 44); n > 0; n--, need += Word(need + 12))
            {
                var entry = need + Word(need + 8);
                for (var k = Half(need + 2); k > 0; k--, entry += Word(entry + 12))
                {
                    var name = elf.AsSpan((int)(strings + Word(entry + 8)));
                    found.Add((Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]), (Half(entry + 4) & 2) != 0));
                }
            }
        }

        return found;
    }
}
